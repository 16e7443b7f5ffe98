import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { QueuedJob } from "../../plugins/executors/executor.ts";
import { collectSubmissions, liveSubmissions } from "./collect-submissions.ts";
import { keyRecorder, RecordedKeys } from "./recorded-keys.ts";
import { copiesDir, listSubmissions, submissionsDir, writeJobs, writeResult, writeSubmission } from "./submission.ts";

let artifacts: string;
beforeEach(() => {
  artifacts = mkdtempSync(join(tmpdir(), "exp-collect-"));
});
afterEach(() => rmSync(artifacts, { recursive: true, force: true }));

/** A submission of one run, whose frozen sources are called `sources`; gives its plan. */
function submitted(id: string, sources: string, task?: string, created = ""): string {
  const snapshot = join(copiesDir(artifacts), sources);
  mkdirSync(snapshot, { recursive: true });
  writeFileSync(join(snapshot, "a.py"), "1");
  const options = { set: [], acceptStale: [], keepGoing: false, upload: false };
  const runs = [{ experiment: "study", coordinates: "", id: "r" }];
  const plan = writeSubmission(artifacts, {
    ...{
      schema: 1,
      id,
      executor: "fake",
      exp: "1",
      created,
      root: "/",
      snapshot,
      loaded: [],
      copies: {},
      watched: {},
      options,
      runs,
    },
  });
  if (task !== undefined) writeJobs(plan, { "0": task });
  return plan;
}

function ended(plan: string, status: "done" | "failed"): void {
  writeResult(plan, "0", { schema: 1, status, job: "7", node: "n1", restarts: 0, ended: "" });
}

function queued(...jobs: readonly [string, string | undefined][]): ReadonlyMap<string, QueuedJob> {
  return new Map(
    jobs.map(([job, submission]) => [
      job,
      { state: "queued", node: "", elapsed: "", reason: "", explanation: "", submission },
    ]),
  );
}

function clear(queue: ReadonlyMap<string, QueuedJob> | undefined, dryRun = false) {
  const aside = (): string => join(artifacts, `aside-${Math.random()}`);
  const live = liveSubmissions(artifacts, () => queue);
  const { submissions, copies } = collectSubmissions(artifacts, live, { dryRun, aside });
  return { submissions: submissions.map(({ name }) => name), copies: copies.map(({ name }) => name) };
}

const [first, second] = ["20260101-000000-aaaa", "20260102-000000-bbbb"] as const;

test("keeps copied sources while a job reads them, and a submission for a month after its end", () => {
  const waits = submitted(first, "shared", "7_0");
  const over = submitted(second, "own", "8_0");
  ended(over, "failed");
  expect(clear(queued(["7_0", first]), true)).toEqual({ submissions: [], copies: ["own"] });
  expect(readdirSync(copiesDir(artifacts))).toHaveLength(2);
  expect(clear(queued(["7_0", first]))).toEqual({ submissions: [], copies: ["own"] });

  const month = new Date(Date.now() - 31 * 86_400_000);
  for (const plan of [waits, over]) {
    const folder = dirname(plan);
    const all = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const name of [...all, "."]) utimesSync(join(folder, name), month, month);
  }
  expect(clear(queued(["7_0", first]))).toEqual({ submissions: [second], copies: [] });
  expect(existsSync(waits)).toBe(true);
  expect(clear(queued())).toEqual({ submissions: [first], copies: ["shared"] });
  expect(readdirSync(submissionsDir(artifacts))).toEqual(["snapshots"]);
});

test("recognises an unrecorded job by the submission that the job system reports", () => {
  submitted(first, "sources");
  expect(clear(queued(["7_0", first])).copies).toEqual([]);
  expect(clear(queued(["7_0", undefined])).copies).toEqual(["sources"]);
});

test("counts only completed tasks as finished if the job system does not respond", () => {
  const plan = submitted(first, "sources", "7_0");
  expect(clear(undefined).copies).toEqual([]);
  ended(plan, "failed");
  expect(clear(undefined).copies).toEqual([]);
  ended(plan, "done");
  expect(clear(undefined).copies).toEqual(["sources"]);
});

test("sees keys and their objects as soon as a job records them", () => {
  const plan = submitted(first, "sources", "7_0");
  const stored = new Map<string, string>();
  const recorded = new RecordedKeys(
    liveSubmissions(artifacts, () => queued(["7_0", first])),
    (key) => stored.get(key),
  );
  const [one, two] = ["1".repeat(64), "2".repeat(64)];
  expect(recorded.keys.has(one)).toBe(false);
  const record = keyRecorder(plan, "0");
  record(one);
  expect(recorded.keys.has(one)).toBe(true);
  expect(recorded.objects.has("a")).toBe(false);
  stored.set(one, "a");
  expect(recorded.objects.has("a")).toBe(true);
  record(two);
  stored.set(two, "b");
  expect(recorded.objects.has("b")).toBe(true);
  expect(recorded.objects.has("c")).toBe(false);
});

test("submissions of one second are listed in their order", () => {
  submitted("20260101-000000-ffff", "a", "1", "2026-01-01T00:00:00.100Z");
  submitted("20260101-000000-0000", "b", "2", "2026-01-01T00:00:00.200Z");
  const ids = listSubmissions(artifacts).map(({ submission }) => submission.id);
  expect(ids).toEqual(["20260101-000000-ffff", "20260101-000000-0000"]);
});
