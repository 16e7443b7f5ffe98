import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { collectSubmissions, liveSubmissions } from "./collect.ts";
import type { Queued } from "./slurm.ts";
import { clusterDir, frozenDir, writeJobs, writeResult, writeSubmission } from "./submission.ts";
import { noteKeys, Uses } from "./uses.ts";

let artifacts: string;
beforeEach(() => {
  artifacts = mkdtempSync(join(tmpdir(), "exp-collect-"));
});
afterEach(() => rmSync(artifacts, { recursive: true, force: true }));

/** A submission of one run, whose frozen sources are called `sources`; gives its plan. */
function submitted(id: string, sources: string, task?: string): string {
  const snapshot = join(frozenDir(artifacts), sources);
  mkdirSync(snapshot, { recursive: true });
  writeFileSync(join(snapshot, "a.py"), "1");
  const options = { set: [], acceptStale: [], keepGoing: false, upload: false };
  const runs = [{ experiment: "study", coordinates: "", id: "r" }];
  const plan = writeSubmission(artifacts, {
    ...{ schema: 1, id, exp: "1", created: "", root: "/", snapshot, loaded: [], moved: {}, watched: {}, options, runs },
  });
  if (task !== undefined) writeJobs(plan, { tasks: { "0": task } });
  return plan;
}

function ended(plan: string, status: "done" | "failed"): void {
  writeResult(plan, "0", { schema: 1, status, job: "7", node: "n1", restarts: 0, ended: "" });
}

function queued(...jobs: readonly [string, string | undefined][]): ReadonlyMap<string, Queued> {
  return new Map(
    jobs.map(([job, submission]) => [
      job,
      { state: "PENDING", node: "", reason: "Resources", elapsed: "0:00", submission },
    ]),
  );
}

function clear(queue: ReadonlyMap<string, Queued> | undefined, dryRun = false) {
  const aside = (): string => join(artifacts, `aside-${Math.random()}`);
  const { submissions, frozen } = collectSubmissions(artifacts, liveSubmissions(artifacts, queue), { dryRun, aside });
  return { submissions: submissions.map(({ name }) => name), frozen: frozen.map(({ name }) => name) };
}

const [first, second] = ["20260101-000000-aaaa", "20260102-000000-bbbb"] as const;

test("frozen sources stay while a job reads them; a submission goes a month after its end, and not before", () => {
  const waits = submitted(first, "shared", "7_0");
  const over = submitted(second, "own", "8_0");
  ended(over, "failed");
  expect(clear(queued(["7_0", first]), true)).toEqual({ submissions: [], frozen: ["own"] });
  expect(readdirSync(frozenDir(artifacts))).toHaveLength(2);
  expect(clear(queued(["7_0", first]))).toEqual({ submissions: [], frozen: ["own"] });

  const month = new Date(Date.now() - 31 * 86_400_000);
  for (const plan of [waits, over]) {
    const folder = dirname(plan);
    const all = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const name of [...all, "."]) utimesSync(join(folder, name), month, month);
  }
  expect(clear(queued(["7_0", first]))).toEqual({ submissions: [second], frozen: [] });
  expect(existsSync(waits)).toBe(true);
  expect(clear(queued())).toEqual({ submissions: [first], frozen: ["shared"] });
  expect(readdirSync(clusterDir(artifacts))).toEqual(["snapshots"]);
});

test("a job that exp was killed before it noted is known by its comment", () => {
  submitted(first, "sources");
  expect(clear(queued(["7_0", first])).frozen).toEqual([]);
  expect(clear(queued(["7_0", undefined])).frozen).toEqual(["sources"]);
});

test("where Slurm cannot be asked, only what is done is over", () => {
  const plan = submitted(first, "sources", "7_0");
  expect(clear(undefined).frozen).toEqual([]);
  ended(plan, "failed");
  expect(clear(undefined).frozen).toEqual([]);
  ended(plan, "done");
  expect(clear(undefined).frozen).toEqual(["sources"]);
});

test("what jobs note is needed as soon as they have noted it, with what is stored for it", () => {
  const plan = submitted(first, "sources", "7_0");
  const stored = new Map<string, string>();
  const uses = new Uses(liveSubmissions(artifacts, queued(["7_0", first])), (key) => stored.get(key));
  const [one, two] = ["1".repeat(64), "2".repeat(64)];
  expect(uses.keys.has(one)).toBe(false);
  const note = noteKeys(plan, "0");
  note(one);
  expect(uses.keys.has(one)).toBe(true);
  expect(uses.objects.has("a")).toBe(false);
  stored.set(one, "a");
  expect(uses.objects.has("a")).toBe(true);
  note(two);
  stored.set(two, "b");
  expect(uses.objects.has("b")).toBe(true);
  expect(uses.objects.has("c")).toBe(false);
});
