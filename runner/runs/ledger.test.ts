import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { caseSetOf } from "../evaluation/case-set.ts";
import { ledgerEntries, recordScoring, testEvaluationCount, tornLedgerWarning } from "./ledger.ts";
import { liveRuns } from "./live-runs.ts";
import type { Manifest } from "./manifest.ts";
import { projectFlaws } from "./verify-project.ts";

const digest = "ab".repeat(32);
const gold = "ef".repeat(32);
const entry = {
  ...{ schema: 2, at: "2026-01-01T00:00:00.000Z", looks: ["run"], experiments: ["a"], step: "s", responses: "" },
  ...{ texts: digest, gold },
};
const manifest = {
  config: { data: { test: { file: "test.csv" } }, evaluate: { split: "test" } },
  steps: { "evaluate.tuned": { kind: "evaluate", evidence: { case_texts: digest, case_gold: gold } } },
} as unknown as Manifest;

let artifacts = "";
beforeEach(() => {
  artifacts = mkdtempSync(join(tmpdir(), "exp-ledger-"));
});
afterEach(() => rmSync(artifacts, { recursive: true, force: true }));

function put(path: string, content: string): void {
  mkdirSync(join(artifacts, path, ".."), { recursive: true });
  writeFileSync(join(artifacts, path), content);
}

test.each(["", "{", "null", "[]", '{"schema":2}', "\0\0\0\0", JSON.stringify({ ...entry, texts: "cd".repeat(32) })])(
  "the torn entry %j is skipped, named and a flaw",
  (content) => {
    put(`ledger/${digest.slice(0, 16)}/1.json`, JSON.stringify(entry));
    put(`ledger/${digest.slice(0, 16)}/2.json`, content);
    expect(testEvaluationCount({ manifest }, artifacts)).toBe(1);
    expect(ledgerEntries(artifacts).evaluations).toEqual([entry]);
    const path = join(artifacts, "ledger", digest.slice(0, 16), "2.json");
    expect(tornLedgerWarning([{ manifest }], artifacts)).toContain(path);
    expect(projectFlaws(artifacts)).toEqual([{ of: "ledger", path, what: "is torn" }]);
  },
);

describe("the number of test evaluations", () => {
  const counted = (...entries: readonly object[]): number | null => {
    for (const [at, one] of entries.entries()) {
      const whole = { ...entry, ...one };
      put(`ledger/${(whole.texts ?? whole.gold).slice(0, 16)}/${at}.json`, JSON.stringify(whole));
    }
    return testEvaluationCount({ manifest }, artifacts);
  };
  test("counts all arms of a run as one look", () => {
    expect(counted({ step: "a" }, { step: "b" }, { step: "b", looks: ["run", "other"] })).toBe(2);
  });
  test("counts a run again if a step of it scores other answers, and not if it scores the same ones", () => {
    expect(counted({ responses: "x" }, { responses: "y" }, { responses: "x", at: "2026-02-01T00:00:00.000Z" })).toBe(2);
  });
  test("counts cases of equal texts or equal gold, and no others", () => {
    const other = "12".repeat(32);
    expect(counted({ looks: ["1"], gold: other }, { looks: ["2"], texts: null }, { looks: ["3"], texts: other })).toBe(
      2,
    );
  });
  test("does not count entries of an earlier version, which are no damage", () => {
    expect(counted({ schema: 1, test: digest })).toBeNull();
    expect(projectFlaws(artifacts)).toEqual([]);
  });
});

test("a scoring outside a run counts once for the same predictions, and joins the runs on the same cases", () => {
  put(`ledger/${digest.slice(0, 16)}/1.json`, JSON.stringify(entry));
  const scored = (predictions: string): number => recordScoring(artifacts, { texts: null, gold }, predictions);
  expect([scored("p"), scored("p"), scored("q")]).toEqual([2, 2, 3]);
  expect(testEvaluationCount({ manifest }, artifacts)).toBe(3);
});

test("cases have one digest in any file, row order and label order", () => {
  const rows = [
    { id: "1", input: "a report", gold: ["cyst", "stone"] },
    { id: "2", input: "another", gold: [] },
  ];
  const other = [rows[1], { id: "1", input: " a report\n", gold: ["stone", "cyst ", "stone"] }] as typeof rows;
  expect(caseSetOf(other)).toEqual(caseSetOf(rows));
  expect(caseSetOf([{ ...rows[0], gold: ["cyst"] }, rows[1]] as typeof rows)).toEqual({
    texts: caseSetOf(rows).texts,
    gold: expect.not.stringContaining(caseSetOf(rows).gold),
  });
  expect(caseSetOf([{ id: "1", gold: [] }]).texts).toBeNull();
});

test("an intact ledger has no warning", () => {
  put(`ledger/${digest.slice(0, 16)}/1.json`, JSON.stringify(entry));
  expect(tornLedgerWarning([{ manifest }], artifacts)).toBeUndefined();
  expect(projectFlaws(artifacts)).toEqual([]);
});

test.each(["", "{", "{}", '{"owner":{},"run":{}}', '{"owner":null,"run":{"files":1}}'])(
  "the torn status file %j is no running process, and a flaw",
  (content) => {
    put("live/1-ab.json", content);
    expect(liveRuns(artifacts)).toEqual([]);
    expect(projectFlaws(artifacts).map(({ of }) => of)).toEqual(["live"]);
  },
);

test("links and upload records are checked", () => {
  put("runs/study/one-12345678/manifest.json", "{}");
  put("runs/study/one-12345678.upload.json", "");
  mkdirSync(join(artifacts, "runs/study/two-12345678"));
  put("runs/study/latest", "one-12345678");
  expect(projectFlaws(artifacts).map(({ path, what }) => [path.slice(artifacts.length + 1), what])).toEqual([
    ["runs/study/latest", "does not link to a run of this folder"],
    ["runs/study/one-12345678.upload.json", "is torn"],
    ["runs/study/two-12345678", "has no manifest.json"],
  ]);
});
