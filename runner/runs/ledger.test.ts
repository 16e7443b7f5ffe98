import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ledgerEntries, testEvaluationCount, tornLedgerWarning } from "./ledger.ts";
import { liveRuns } from "./live-runs.ts";
import type { Manifest } from "./manifest.ts";
import { projectFlaws } from "./verify-project.ts";

const digest = "ab".repeat(32);
const entry = { schema: 1, at: "2026-01-01T00:00:00.000Z", test: digest, experiments: ["a"], step: "s", responses: "" };
const manifest = {
  config: { data: { test: { file: "test.csv" } }, evaluate: { split: "test" } },
  provenance: { sources: { "test.csv": digest } },
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

test.each(["", "{", "null", "[]", '{"schema":1}', "\0\0\0\0", JSON.stringify({ ...entry, test: "cd".repeat(32) })])(
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
