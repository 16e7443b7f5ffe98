import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { thisProcess } from "../store/process-identity.ts";
import { liveDir, liveFiles, liveRuns } from "./live-runs.ts";

let artifacts = "";
beforeEach(() => {
  artifacts = mkdtempSync(join(tmpdir(), "exp-live-"));
  mkdirSync(liveDir(artifacts));
});
afterEach(() => rmSync(artifacts, { recursive: true, force: true }));

const whole = {
  files: ["experiments/x.yaml"],
  started: "2026-01-01T00:00:00.000Z",
  total: 3,
  counts: { built: 1 },
  running: [{ step: "train", progress: { done: 1, total: 9, loss: 0.5, message: "x" }, loss: [[1, 0.5]] }],
  failed: [{ step: "data", message: "no rows" }],
  finished: ["data built"],
};

const write = (name: string, run: unknown): void =>
  writeFileSync(join(liveDir(artifacts), name), JSON.stringify({ schema: 1, owner: thisProcess(), run }));

test("a status file of another form is torn, and hides no other run", () => {
  write("whole.json", whole);
  const parts: readonly object[] = [
    { files: [null] },
    { files: "x" },
    { started: 7 },
    { total: "<script>" },
    { counts: { built: "1" } },
    { counts: null },
    { running: [null] },
    { running: [{ step: "train", progress: null, loss: [] }] },
    { running: [{ step: {}, progress: {}, loss: [] }] },
    { running: [{ step: "train", progress: { loss: "0.5" }, loss: [] }] },
    { running: [{ step: "train", progress: { message: {} }, loss: [] }] },
    { running: [{ step: "train", progress: {}, loss: [[1]] }] },
    { running: [{ step: "train", progress: {}, loss: ["ab"] }] },
    { failed: [{ step: "data" }] },
    { finished: [{}] },
  ];
  for (const [at, part] of parts.entries()) write(`${at}.json`, { ...whole, ...part });
  write("none.json", undefined);
  for (const text of ["", "null", "[]", '{"run": 7}', "{".repeat(1_000_000)])
    writeFileSync(join(liveDir(artifacts), `text-${text.length}.json`), text);
  const read = liveFiles(artifacts);
  expect(read.filter(({ run }) => run === undefined)).toHaveLength(parts.length + 6);
  expect(liveRuns(artifacts)).toEqual([whole]);
});

test("a pipe, a folder and a large file in place of a status file are torn", () => {
  write("whole.json", whole);
  execFileSync("mkfifo", [join(liveDir(artifacts), "pipe.json")]);
  mkdirSync(join(liveDir(artifacts), "folder.json"));
  writeFileSync(join(liveDir(artifacts), "large.json"), "");
  truncateSync(join(liveDir(artifacts), "large.json"), 5e9);
  expect(liveRuns(artifacts)).toEqual([whole]);
});
