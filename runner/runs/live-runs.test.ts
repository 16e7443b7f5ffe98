import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { thisProcess } from "../store/process-identity.ts";
import { liveDir, liveFiles, liveLog, liveRuns } from "./live-runs.ts";

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
  running: [
    {
      ...{ step: "train", log: "train-01234567.log", progress: { done: 1, total: 9, loss: 0.5, message: "x" } },
      ...{ loss: [[1, 0.5]], validation: [[1, 0.6]] },
    },
  ],
  failed: [{ step: "data", message: "no rows", log: null }],
  finished: ["data built"],
};

const write = (name: string, run: unknown): void =>
  writeFileSync(join(liveDir(artifacts), name), JSON.stringify({ schema: 1, owner: thisProcess(), run }));

test("a status file of another form is torn, and hides no other run", () => {
  write("whole.json", whole);
  const step = { step: "train", log: null, progress: {}, loss: [], validation: [] };
  const parts: readonly object[] = [
    { files: [null] },
    { files: "x" },
    { started: 7 },
    { total: "<script>" },
    { counts: { built: "1" } },
    { counts: null },
    { running: [null] },
    { running: [{ ...step, progress: null }] },
    { running: [{ ...step, step: {} }] },
    { running: [{ ...step, log: 7 }] },
    { running: [{ ...step, progress: { loss: "0.5" } }] },
    { running: [{ ...step, progress: { message: {} } }] },
    { running: [{ ...step, loss: [[1]] }] },
    { running: [{ ...step, loss: ["ab"] }] },
    { running: [{ ...step, validation: [[1, null]] }] },
    { failed: [{ step: "data", log: null }] },
    { failed: [{ step: "data", message: "no rows", log: {} }] },
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

test("an owner that is no process is torn: its pid would be the path of a pipe", () => {
  const { pid: _pid, ...owner } = thisProcess();
  for (const pid of [`../${artifacts}/pid`, -1, 0, 1.5, null, {}])
    writeFileSync(
      join(liveDir(artifacts), `${JSON.stringify(pid).length}.json`),
      JSON.stringify({ schema: 1, owner: { ...owner, pid }, run: whole }),
    );
  mkdirSync(join(artifacts, "pid"));
  execFileSync("mkfifo", [join(artifacts, "pid/stat")]);
  expect(liveRuns(artifacts)).toEqual([]);
  expect(liveFiles(artifacts).every(({ run }) => run === undefined)).toBe(true);
});

test("a pipe, a folder and a large file in place of a status file are torn", () => {
  write("whole.json", whole);
  execFileSync("mkfifo", [join(liveDir(artifacts), "pipe.json")]);
  mkdirSync(join(liveDir(artifacts), "folder.json"));
  writeFileSync(join(liveDir(artifacts), "large.json"), "");
  truncateSync(join(liveDir(artifacts), "large.json"), 5e9);
  expect(liveRuns(artifacts)).toEqual([whole]);
});

test("a log is read only by its listed name, from the folder of logs, and without links", () => {
  const names = [
    "train-01234567.log",
    "link.log",
    "pipe.log",
    "none.log",
    "../secret.log",
    "a/../../secret.log",
    "train.txt",
  ];
  write("whole.json", { ...whole, running: names.map((log) => ({ ...whole.running[0], step: log, log })) });
  const logs = join(artifacts, "logs");
  mkdirSync(logs);
  writeFileSync(join(artifacts, "secret.log"), "secret");
  writeFileSync(join(logs, "train-01234567.log"), `${"old\n".repeat(50_000)}\u001b[31mred\u001b[0m\n10%\r20%\n\n`);
  for (const name of ["other.log", "train.txt"]) writeFileSync(join(logs, name), "secret");
  symlinkSync(join(artifacts, "secret.log"), join(logs, "link.log"));
  execFileSync("mkfifo", [join(logs, "pipe.log")]);
  const lines = liveLog(artifacts, "train-01234567.log");
  expect([lines?.length, lines?.slice(-2)]).toEqual([200, ["red", "20%"]]);
  for (const name of ["link.log", "../secret.log", "a/../../secret.log", "train.txt", "other.log", "", "logs"])
    expect([name, liveLog(artifacts, name)]).toEqual([name, undefined]);
  for (const name of ["pipe.log", "none.log"]) expect([name, liveLog(artifacts, name)]).toEqual([name, []]);
  // A link in place of the folder leads nowhere.
  rmSync(logs, { recursive: true });
  mkdirSync(join(artifacts, "elsewhere"));
  writeFileSync(join(artifacts, "elsewhere", "train-01234567.log"), "secret");
  symlinkSync(join(artifacts, "elsewhere"), logs);
  expect(liveLog(artifacts, "train-01234567.log")).toBeUndefined();
});
