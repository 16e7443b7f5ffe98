/** `--mirror`: a new machine restores finished steps and checkpoints; a partial or damaged copy is never used. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import type { Event } from "../execution/event.ts";
import { namesIn } from "../util/names-in.ts";
import { expectFailure, parseEvents, type RunEvents } from "./command.ts";
import { mountTmpfs } from "./mount.ts";
import { answer, replaceBaseline, withBaseline } from "./replace-baseline.ts";
import { type Rig, test } from "./rig.ts";
import { expectIntactStore, expectNoLeftovers } from "./store-checks.ts";

const file = "experiments/study.yaml";
/** Every step of a run, ended in one way. */
const all = (run: RunEvents, status: string) =>
  Object.fromEntries(Object.keys(run.steps).map((step) => [step, status]));

/** The mirror of a rig, outside its study. */
function mirrorOf(rig: Rig): { readonly folder: string; readonly flag: readonly string[]; path(name: string): string } {
  const folder = join(rig.folder, "../drive/exp");
  mkdirSync(dirname(folder), { recursive: true });
  return { folder, flag: ["--mirror", folder], path: (name) => join(folder, name) };
}

/** Path of a step's file in the mirror. */
function copyOf(rig: Rig, run: RunEvents, step: string, name: string): string {
  const sha256 = rig.manifest(run.manifest).steps[step]?.files[name]?.sha256 ?? "";
  return join(mirrorOf(rig).folder, "files", sha256.slice(0, 2), sha256);
}

const notes = ({ events }: RunEvents): readonly string[] =>
  events.flatMap((event) => (event.type === "note" ? [`${event.level}: ${event.message}`] : []));

test("finished steps are restored on a new machine and checked by digest", async ({ rig }) => {
  const { folder, flag } = mirrorOf(rig);
  const first = await rig.build(file, ...flag);
  expect(first.steps).toEqual(all(first, "built"));
  const count = Object.keys(first.steps).length;
  expect(namesIn(join(folder, "keys"))).toHaveLength(count);
  const links = execFileSync("find", [folder, "-type", "l"], { encoding: "utf8" });
  const partial = execFileSync("find", [folder, "-name", "*[A-Z]*", "-o", "-name", "*.partial"], { encoding: "utf8" });
  expect([links, partial]).toEqual(["", ""]);

  rig.removeArtifacts();
  const again = await rig.build(file, ...flag);
  expect(again.steps).toEqual(all(first, "reused"));
  expect(notes(again)).toEqual([expect.stringMatching(new RegExp(`^info: .*\\b${count}\\b.*mirror`))]);
  expect(again.manifest).toBe(first.manifest);
  expectIntactStore(rig);
  expectNoLeftovers(rig);
});

test("steps that finished before the mirror existed are copied too", async ({ rig }) => {
  const { folder, flag } = mirrorOf(rig);
  const first = await rig.build(file);
  expect((await rig.build(file, ...flag)).steps).toEqual(all(first, "reused"));
  expect(namesIn(join(folder, "keys"))).toHaveLength(Object.keys(first.steps).length);
});

describe("a mirrored step is built again if the mirror has", () => {
  const damages: readonly (readonly [what: string, damage: (copy: string, record: string) => void])[] = [
    ["a truncated file", (copy) => truncateSync(copy, 10)],
    ["a file with other content", (copy) => writeFileSync(copy, "x".repeat(readFileSync(copy).length))],
    ["a truncated record", (_, record) => truncateSync(record, 100)],
    [
      "a record with a path outside its folder",
      (_, record) => edit(record, '"predictions.jsonl"', '"../../../../escaped"'),
    ],
    ["a record of another key", (_, record) => edit(record, '"version":', '"version":9')],
  ];
  for (const [what, damage] of damages) {
    test(what, async ({ rig }) => {
      const { folder, flag } = mirrorOf(rig);
      const first = await rig.build(file, ...flag);
      const { key } = rig.manifest(first.manifest).steps["evaluate.zero_shot"] as { key: string };
      damage(copyOf(rig, first, "evaluate.zero_shot", "predictions.jsonl"), join(folder, "keys", `${key}.json`));
      rig.removeArtifacts();
      const again = await rig.build(file, ...flag);
      expect(again.steps).toEqual({ ...all(first, "reused"), "evaluate.zero_shot": "built" });
      expect(notes(again)[0]).toMatch(new RegExp(`^warning: mirror .*\\b${key.slice(0, 8)}\\b`));
      expect(existsSync(rig.path("escaped"))).toBe(false);
      expectIntactStore(rig);
      rig.removeArtifacts();
      expect((await rig.build(file, ...flag)).steps).toEqual(all(first, "reused"));
    });
  }
});

function edit(path: string, before: string, after: string): void {
  const text = readFileSync(path, "utf8");
  expect(text).toContain(before);
  writeFileSync(path, text.replace(before, after));
}

test("a killed training resumes from the mirrored checkpoint; Ctrl-C copies the last checkpoint", async ({ rig }) => {
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
  rig.removeArtifacts();

  const again = start();
  await again.waitFor(/"step":"train","done":/);
  again.process.kill("SIGINT");
  const run = parseEvents(await again.ended);
  expect([run.code, run.stderr]).toEqual([130, ""]);
  expect(notes(run)).toContainEqual(expect.stringMatching(/^info: train .*mirror/));
  expect(run.steps).toMatchObject({ fetch: "reused", data: "reused", "prompt.tuned": "reused", train: "skipped" });
  expect(Math.min(...trained(run.events))).toBeGreaterThanOrEqual(mirrored);
  expect(Math.max(...checkpointsIn(folder))).toBeGreaterThanOrEqual(Math.max(...trained(run.events)));
  expect(Math.max(...checkpointsIn(folder))).toBeGreaterThan(mirrored);
  expectIntactStore(rig);
}, 600_000);

/** A Python step that counts to 6 and can resume; its answers contain the number at which it started. */
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

/** Runs the counting step until its third count is mirrored, kills the run and deletes the artifacts. */
async function runAndLose(rig: Rig): Promise<void> {
  const { folder, flag } = mirrorOf(rig);
  replaceBaseline(rig, counting.replace("HOLD", rig.path("hold")));
  rig.write("hold", "");
  const run = rig.start(["run", file, "--json", ...withBaseline, ...flag]);
  await run.waitFor(/"step":"generate.tfidf_svm","done":3/);
  while (markersIn(folder).length === 0 && run.process.exitCode === null) await sleep(20);
  run.process.kill("SIGKILL");
  await run.ended;
  rig.removeArtifacts();
  rig.remove("hold");
}

const firstCount = (rig: Rig): string | undefined =>
  /from (\d)/.exec(rig.read("artifacts/runs/study/latest/tfidf_svm/responses.jsonl"))?.[1];

test("after a step has succeeded, its checkpoints are deleted from the mirror", async ({ rig }) => {
  const { folder, flag } = mirrorOf(rig);
  await runAndLose(rig);
  const run = await rig.build(file, ...withBaseline, ...flag);
  expect(notes(run)).toContainEqual(expect.stringMatching(/^info: generate\.tfidf_svm .*mirror/));
  expect(firstCount(rig)).toBe("3");
  expect(namesIn(join(folder, "work"))).toEqual([]);
  expectNoLeftovers(rig);
});

for (const damaged of ["checkpoint", "marker"]) {
  test(`a step does not resume from a truncated ${damaged}`, async ({ rig }) => {
    const { folder, flag } = mirrorOf(rig);
    await runAndLose(rig);
    const files = namesIn(join(folder, "work")).flatMap((key) =>
      namesIn(join(folder, "work", key)).map((name) => join(folder, "work", key, name)),
    );
    const chosen = files.filter((path) => isMarker(basename(path)) === (damaged === "marker"));
    expect(chosen.length).toBeGreaterThan(0);
    for (const path of chosen) truncateSync(path, 0);
    const run = await rig.build(file, ...withBaseline, ...flag);
    expect(run.steps.data).toBe("reused");
    expect(firstCount(rig)).toBe("0");
  });
}

test("a mirror whose disk disappears during a run is a warning, and nothing is written at its path", async ({
  rig,
}) => {
  const { folder, flag } = mirrorOf(rig);
  replaceBaseline(
    rig,
    `import os\nos.rename(${JSON.stringify(folder)}, ${JSON.stringify(`${folder}.gone`)})\n${answer}\n(step.output / "responses.jsonl").write_text(rows)`,
  );
  const run = await rig.build(file, ...withBaseline, ...flag);
  expect(run.steps["generate.tfidf_svm"]).toBe("built");
  expect(notes(run)).toContainEqual(expect.stringMatching(/^warning: mirror .*drive\/exp/));
  expect(existsSync(folder)).toBe(false);
  const plain = await rig.exp("run", file, ...withBaseline, ...flag);
  expect([plain.code, plain.stderr]).toEqual([0, ""]);
  expect(readdirSync(join(folder, "keys")).length).toBeGreaterThan(4);
});

test("a full mirror disk is a warning", async ({ rig, skip }) => {
  const { folder, flag } = mirrorOf(rig);
  if (!mountTmpfs(rig, folder, ["size=16k"])) return skip("cannot mount a disk here");
  const run = await rig.exp("run", file, ...flag);
  expect(run.code).toBe(0);
  expect(run.stderr).toMatch(/^warning: mirror .*disk is full/m);
});

test("an unusable mirror folder is an error before any step runs", async ({ rig }) => {
  const { folder } = mirrorOf(rig);
  writeFileSync(folder, "");
  for (const given of ["artifacts/mirror", ".", "/no-such-disk/mine", folder])
    expectFailure(await rig.exp("run", file, "--mirror", given), 2, "bad-option", `--mirror ${given}`);
  expect(existsSync(rig.path("artifacts"))).toBe(false);
});

const isMarker = (name: string): boolean => /^\d{8}\.json$/.test(name);

/** Paths of the markers of every work folder, newest first. */
const markersIn = (folder: string): readonly string[] =>
  namesIn(join(folder, "work")).flatMap((key) =>
    namesIn(join(folder, "work", key))
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
