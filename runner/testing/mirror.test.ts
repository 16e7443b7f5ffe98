/** `--mirror`: a machine that is gone costs what was not yet copied, and nothing half-copied is ever believed. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import type { Event } from "../execution/event.ts";
import { answer, replaceBaseline, withBaseline } from "./baseline.ts";
import { expectFailure, type Rig, type RunEvents, test, told } from "./rig.ts";
import { expectTidy, expectWhole, names } from "./whole.ts";

const file = "experiments/study.yaml";
/** Every step of a run, ended in one way. */
const all = (run: RunEvents, status: string) =>
  Object.fromEntries(Object.keys(run.steps).map((step) => [step, status]));

/** A mirror beside the study, as another disk would be. */
function mirrorOf(rig: Rig): { readonly folder: string; readonly flag: readonly string[]; path(name: string): string } {
  const folder = join(rig.folder, "../drive/exp");
  mkdirSync(dirname(folder), { recursive: true });
  return { folder, flag: ["--mirror", folder], path: (name) => join(folder, name) };
}

/** Where the mirror has a step's file. */
function copyOf(rig: Rig, run: RunEvents, step: string, name: string): string {
  const sha256 = rig.manifest(run.manifest).steps[step]?.files[name]?.sha256 ?? "";
  return join(mirrorOf(rig).folder, "files", sha256.slice(0, 2), sha256);
}

const notes = ({ events }: RunEvents): readonly string[] =>
  events.flatMap((event) => (event.type === "note" ? [`${event.level}: ${event.message}`] : []));

test("finished steps come back on a machine that has nothing, checked by digest", async ({ rig }) => {
  const { folder, flag } = mirrorOf(rig);
  const first = await rig.built(file, ...flag);
  expect(first.steps).toEqual(all(first, "built"));
  const count = Object.keys(first.steps).length;
  expect(names(join(folder, "keys"))).toHaveLength(count);
  const links = execFileSync("find", [folder, "-type", "l"], { encoding: "utf8" });
  const odd = execFileSync("find", [folder, "-name", "*[A-Z]*", "-o", "-name", "*.partial"], { encoding: "utf8" });
  expect([links, odd]).toEqual(["", ""]);

  rig.forget();
  const again = await rig.built(file, ...flag);
  expect(again.steps).toEqual(all(first, "reused"));
  expect(notes(again)).toEqual([`info: restored ${count} finished steps from the mirror`]);
  expect(again.manifest).toBe(first.manifest);
  expectWhole(rig);
  expectTidy(rig);
});

test("what was built before there was a mirror is copied too", async ({ rig }) => {
  const { folder, flag } = mirrorOf(rig);
  const first = await rig.built(file);
  expect((await rig.built(file, ...flag)).steps).toEqual(all(first, "reused"));
  expect(names(join(folder, "keys"))).toHaveLength(Object.keys(first.steps).length);
});

describe("of a mirrored step, this is not believed, and made again:", () => {
  const spoilt: readonly (readonly [what: string, spoil: (copy: string, record: string) => void])[] = [
    ["a file cut short", (copy) => truncateSync(copy, 10)],
    ["a file of other bytes", (copy) => writeFileSync(copy, "x".repeat(readFileSync(copy).length))],
    ["a record cut short", (_, record) => truncateSync(record, 100)],
    [
      "a record that leads out of its folder",
      (_, record) => edit(record, '"predictions.jsonl"', '"../../../../escaped"'),
    ],
    ["a record of another key", (_, record) => edit(record, '"version":', '"version":9')],
  ];
  for (const [what, spoil] of spoilt) {
    test(what, async ({ rig }) => {
      const { folder, flag } = mirrorOf(rig);
      const first = await rig.built(file, ...flag);
      const { key } = rig.manifest(first.manifest).steps["evaluate.zero_shot"] as { key: string };
      spoil(copyOf(rig, first, "evaluate.zero_shot", "predictions.jsonl"), join(folder, "keys", `${key}.json`));
      rig.forget();
      const again = await rig.built(file, ...flag);
      expect(again.steps).toEqual({ ...all(first, "reused"), "evaluate.zero_shot": "built" });
      expect(notes(again)[0]).toMatch(/^warning: mirror .*: its copy of step [0-9a-f]{8} is damaged/);
      expect(existsSync(rig.path("escaped"))).toBe(false);
      expectWhole(rig);
      rig.forget();
      expect((await rig.built(file, ...flag)).steps).toEqual(all(first, "reused"));
    });
  }
});

function edit(path: string, before: string, after: string): void {
  const text = readFileSync(path, "utf8");
  expect(text).toContain(before);
  writeFileSync(path, text.replace(before, after));
}

test("a training that was killed with its machine resumes from the mirrored checkpoint; Ctrl-C copies the last one", async ({
  rig,
}) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  const { folder, flag } = mirrorOf(rig);
  const endless = ["--until", "train", "--set", "train.epochs=5000", "--set", "train.checkpoint.every_steps=200"];
  const start = () => rig.start(["run", "experiments/tuned.yaml", "--json", ...endless, ...flag]);
  const first = start();
  while (checkpointsIn(folder).length === 0 && first.process.exitCode === null) await sleep(20);
  first.process.kill("SIGKILL");
  await first.ended;
  const [mirrored = 0] = checkpointsIn(folder);
  rig.forget();

  const again = start();
  await again.says(/"step":"train","done":/);
  again.process.kill("SIGINT");
  const run = told(await again.ended);
  expect([run.code, run.stderr]).toEqual([130, ""]);
  expect(notes(run)).toContain("info: train resumes from the mirror");
  expect(run.steps).toMatchObject({ fetch: "reused", data: "reused", "prompt.tuned": "reused", train: "skipped" });
  expect(Math.min(...trained(run.events))).toBeGreaterThanOrEqual(mirrored);
  expect(Math.max(...checkpointsIn(folder))).toBeGreaterThanOrEqual(Math.max(...trained(run.events)));
  expect(Math.max(...checkpointsIn(folder))).toBeGreaterThan(mirrored);
  expectWhole(rig);
}, 600_000);

/** A Python step that counts to 6 and can go on from where it was: what it counts is in its answer. */
const counting = `import pathlib
state = step.work / "checkpoints" / "count"
state.parent.mkdir(exist_ok=True)
first = int(state.read_text()) if state.exists() else 0
for count in range(first, 6):
    if pathlib.Path("HOLD").exists() and count == 3:
        step.progress(force=True, done=count, total=6)
        time.sleep(600)
    partial = step.work / "count.partial"
    partial.write_text(str(count + 1))
    partial.rename(state)
rows = "".join('{"id": "test-%d", "labels": ["from %d"]}\\n' % (i, first) for i in range(9))
(step.output / "responses.jsonl").write_text(rows)`;

/** Runs the counting step until its third count is mirrored, and takes the machine away. */
async function interrupted(rig: Rig): Promise<void> {
  const { folder, flag } = mirrorOf(rig);
  replaceBaseline(rig, counting.replace("HOLD", rig.path("hold")));
  rig.write("hold", "");
  const run = rig.start(["run", file, "--json", ...withBaseline, ...flag]);
  await run.says(/"step":"generate.tfidf_svm","done":3/);
  while (markersIn(folder).length === 0 && run.process.exitCode === null) await sleep(20);
  run.process.kill("SIGKILL");
  await run.ended;
  rig.forget();
  rig.remove("hold");
}

const wentOnFrom = (rig: Rig): string | undefined =>
  /from (\d)/.exec(rig.read("artifacts/runs/study/latest/tfidf_svm/responses.jsonl"))?.[1];

test("once a step has succeeded, its checkpoints leave the mirror", async ({ rig }) => {
  const { folder, flag } = mirrorOf(rig);
  await interrupted(rig);
  const run = await rig.built(file, ...withBaseline, ...flag);
  expect(notes(run)).toContain("info: generate.tfidf_svm resumes from the mirror");
  expect(wentOnFrom(rig)).toBe("3");
  expect(names(join(folder, "work"))).toEqual([]);
  expectTidy(rig);
});

for (const spoilt of ["checkpoint", "marker"]) {
  test(`a ${spoilt} that was cut short is not gone on from`, async ({ rig }) => {
    const { folder, flag } = mirrorOf(rig);
    await interrupted(rig);
    for (const key of names(join(folder, "work"))) {
      for (const name of names(join(folder, "work", key))) {
        if (isMarker(name) === (spoilt === "marker")) truncateSync(join(folder, "work", key, name), 0);
      }
    }
    const run = await rig.built(file, ...withBaseline, ...flag);
    expect(run.steps.data).toBe("reused");
    expect(wentOnFrom(rig)).toBe("0");
  });
}

test("a mirror whose disk vanishes in the middle of a run is a warning, and nothing is written where it was", async ({
  rig,
}) => {
  const { folder, flag } = mirrorOf(rig);
  replaceBaseline(
    rig,
    `import os\nos.rename(${JSON.stringify(folder)}, ${JSON.stringify(`${folder}.gone`)})\n${answer}\n(step.output / "responses.jsonl").write_text(rows)`,
  );
  const run = await rig.built(file, ...withBaseline, ...flag);
  expect(run.steps["generate.tfidf_svm"]).toBe("built");
  expect(notes(run).join("\n")).toMatch(/warning: mirror .*drive\/exp is not a mirror/);
  expect(notes(run).join("\n")).toMatch(/\d+ copies are missing/);
  expect(existsSync(folder)).toBe(false);
  const plain = await rig.exp("run", file, ...withBaseline, ...flag);
  expect([plain.code, plain.stderr]).toEqual([0, ""]);
  expect(readdirSync(join(folder, "keys")).length).toBeGreaterThan(4);
});

test("a full mirror disk is a warning", async ({ rig, skip }) => {
  const { folder, flag } = mirrorOf(rig);
  mkdirSync(folder);
  try {
    execFileSync("/bin/mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], { stdio: "pipe" });
  } catch (error) {
    skip(`a small disk cannot be mounted here: ${String((error as Error).message).trim()}`);
  }
  try {
    const run = await rig.exp("run", file, ...flag);
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(/^warning: mirror .*: its disk is full/m);
  } finally {
    execFileSync("/bin/umount", [folder]);
  }
});

test("a mirror that cannot be one is refused before anything runs", async ({ rig }) => {
  const { folder } = mirrorOf(rig);
  writeFileSync(folder, "");
  const cases: readonly (readonly [folder: string, words: RegExp])[] = [
    ["artifacts/mirror", /artifacts\//],
    [".", /artifacts\//],
    ["/no-such-disk/mine", /\/no-such-disk does not exist/],
    [folder, /a file, not a folder/],
  ];
  for (const [given, words] of cases) expectFailure(await rig.exp("run", file, "--mirror", given), 2, words);
  expect(existsSync(rig.path("artifacts"))).toBe(false);
});

const isMarker = (name: string): boolean => /^\d{8}\.json$/.test(name);

/** Paths of the markers of every work folder, newest first. */
const markersIn = (folder: string): readonly string[] =>
  names(join(folder, "work")).flatMap((key) =>
    names(join(folder, "work", key))
      .filter(isMarker)
      .toSorted()
      .reverse()
      .map((name) => join(folder, "work", key, name)),
  );

/** Steps of the checkpoints that the newest marker lists. */
function checkpointsIn(folder: string): readonly number[] {
  const [marker] = markersIn(folder);
  if (marker === undefined) return [];
  return [...readFileSync(marker, "utf8").matchAll(/step-(\d+)\.pt/g)].map(([, step]) => Number(step));
}

const trained = (events: readonly Event[]): readonly number[] =>
  events.flatMap((event) =>
    event.type === "progress" && event.step === "train" && event.done !== undefined ? [event.done] : [],
  );
