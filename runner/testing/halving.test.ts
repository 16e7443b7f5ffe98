/** Successive halving: which settings are kept and why, how long each is trained, and that no epoch is trained twice. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Selection } from "../pipeline/steps/selection.ts";
import { type PlanJson, parseEvents, type RunEvents } from "./command.ts";
import { type Rig, test } from "./rig.ts";
import { addSimulatedTraining } from "./simulated-training.ts";
import { answersOf, table } from "./studies.ts";

const manifests = (rig: Rig, run: RunEvents) =>
  run.events.flatMap((event) =>
    event.type === "run-end" && event.manifest !== null ? [rig.manifest(event.manifest)] : [],
  );

const selectionOf = (run: RunEvents): Selection =>
  JSON.parse(readFileSync(run.manifest.replace("manifest.json", "selection.json"), "utf8")) as Selection;

/** Epochs of each training of a run, such as "rank 4: 1 to 2", without those of earlier runs (`before`). */
function trained(rig: Rig, run: RunEvents, before: readonly string[] = []): readonly string[] {
  const found = manifests(rig, run).map(({ steps, config }) => {
    const [from, to] = (steps.train?.evidence.epochs ?? []) as number[];
    return `rank ${(config as { train: { rank: number } }).train.rank}: ${from} to ${to}`;
  });
  const fresh = [...new Set(found)].filter((one) => !before.includes(one));
  const built = Object.entries(run.steps).filter(([step, how]) => step.startsWith("train") && how === "built");
  expect(fresh).toHaveLength(built.length);
  return fresh;
}

test("each rung keeps the best half of the settings and reports the scores of the dropped ones", async ({ rig }) => {
  // b is the best, then d and e, which are equals, c and a.
  const file = "experiments/halving.yaml";
  const names = Object.entries({ a: 2, b: 6, c: 3, d: 4, e: 4 });
  for (const [name, wrongEvery] of names) rig.write(`experiments/data/${name}.jsonl`, answersOf(wrongEvery));
  rig.write("experiments/data/validation.csv", table("v", 12, 200));
  const study = rig
    .read("experiments/study.yaml")
    .replace("name: study", "name: halving")
    .replace("  columns:", "  validation: {file: data/validation.csv}\n  columns:");
  const values = names.map(([name]) => `data/${name}.jsonl`).join(", ");
  rig.write(
    file,
    `${study}train: {backend: torchtune, method: lora, epochs: 4}\nsweep:\n  grid: {generate.file: [${values}]}\n  strategy: halving\n  select: {}\n`,
  );
  const planned = async (): Promise<PlanJson> => await rig.json<PlanJson>("plan", file);
  const setting = (name: string): string => `generate.file=data/${name}.jsonl`;

  const before = await planned();
  expect(before.runs).toBe(5);
  expect(before.steps.slice(-4).map(({ id, reason }) => [id, reason])).toEqual([
    ["select.1", expect.stringMatching(/\bevaluate\.tuned\b/)],
    ["rung.2", expect.stringMatching(/\bselect\.1\b.*\b2 of 5 .*\b2 epochs\b/)],
    ["rung.3", expect.stringMatching(/\bselect\.2\b.*\b1 of 2 .*\b4 epochs\b/)],
    ["winner", expect.stringMatching(/\bselect\b.*\b1 of 1\b/)],
  ]);

  const run = await rig.build(file);
  const all = manifests(rig, run);
  expect(all.map(({ coordinates }) => coordinates)).toEqual([
    ...names.map(([name]) => `${setting(name)},epoch=1`),
    // Of equal settings the first in the sweep is kept.
    ...["b", "d"].map((name) => `${setting(name)},epoch=2`),
    ...[setting("b"), setting("b")],
  ]);
  const { earlier, winner, settings, epochs } = selectionOf(run);
  expect([winner, epochs, settings.map((one) => one.setting)]).toEqual([setting("b"), 4, [setting("b")]]);
  expect(earlier?.map((rung) => [rung.epochs, rung.kept])).toEqual([
    [1, [setting("b"), setting("d")]],
    [2, [setting("b")]],
  ]);
  expect(earlier?.[0]?.settings.map(({ value }) => value)).toEqual(
    all.slice(0, 5).map(({ arms }) => arms.tuned?.canonical.micro_f1),
  );

  const after = await planned();
  expect([after.runs, new Set(after.steps.map(({ status }) => status))]).toEqual([9, new Set(["cached"])]);
  // The reason names the counts, the metric, and the dropped settings with their scores, best first.
  const cut = after.steps.find(({ id }) => id === "select.1")?.reason;
  expect(cut).toMatch(/\b2 of 5 .*\bmicro_f1 \(canonical\) 0\.\d+/);
  expect(cut).toMatch(/generate\.file=data\/e\.jsonl 0\.\d+; .*c\.jsonl 0\.\d+; .*a\.jsonl 0\.\d+$/);
  const again = await rig.build(file);
  expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
  expect(again.manifest).toBe(run.manifest);
  // A run of a rung and the winner's.
  for (const { run: name } of [all[5], all[8]] as typeof all) {
    expect(await rig.json("why", name, "evaluate.tuned")).toMatchObject({ status: "cached" });
    expect(await rig.json("reproduce", name)).toMatchObject({ reproduced: true });
  }
  const shown = await rig.output("show", "halving");
  expect(
    shown.split("\n").flatMap((line) => /^data\/([a-e])\.jsonl +([124]) /.exec(line)?.slice(1).join("") ?? []),
  ).toEqual(["a1", "b4", "c1", "d2", "e1"]);
});

test("a kept setting resumes from its checkpoint; one more setting trains that setting alone", async ({ rig }) => {
  const sweep = (ranks: string): string => `sweep: {strategy: halving, grid: {train.rank: [${ranks}]}, select: {}}\n`;
  const file = addSimulatedTraining(rig, sweep("3, 4, 5, 6"));
  const first = trained(rig, await rig.build(file));
  expect(first).toEqual([
    ...["rank 3: 0 to 1", "rank 4: 0 to 1", "rank 5: 0 to 1", "rank 6: 0 to 1"],
    ...["rank 5: 1 to 2", "rank 6: 1 to 2", "rank 6: 2 to 4"],
  ]);
  // Checkpoints of dropped settings are kept: a later sweep may resume them.
  const paused = (): number => readdirSync(rig.path("artifacts/work")).filter((name) => name.length === 64).length;
  expect(paused()).toBe(3);
  await rig.output("gc");
  expect(paused()).toBe(3);

  rig.edit(file, "3, 4, 5, 6", "1, 3, 4, 5, 6, 7");
  const second = trained(rig, await rig.build(file), first);
  // Three of six settings are kept: 5 and 6 have these epochs already.
  expect(second).toEqual(["rank 1: 0 to 1", "rank 7: 0 to 1", "rank 7: 1 to 2", "rank 7: 2 to 4"]);

  rig.edit(file, "1, 3, 4, 5, 6, 7", "1, 2, 3, 4, 5, 6");
  const third = await rig.build(file);
  expect(trained(rig, third, [...first, ...second])).toEqual(["rank 2: 0 to 1", "rank 4: 1 to 2"]);
  expect(selectionOf(third).winner).toBe("train.rank=6");

  // The last rung is the training that a sweep of all settings makes.
  rig.edit(file, "strategy: halving, ", "");
  const whole = await rig.build(file, "--until", "train");
  const made = Object.entries(whole.steps).filter(([step, how]) => step.startsWith("train") && how === "built");
  expect(made).toHaveLength(5);
});

test("a mirror keeps paused trainings: a new machine resumes them, and resumed ones leave the mirror", async ({
  rig,
}) => {
  const file = addSimulatedTraining(rig, "sweep: {strategy: halving, grid: {train.rank: [3, 4, 5, 6]}, select: {}}\n");
  const folder = rig.path("../drive/exp");
  const kept = (): number => readdirSync(`${folder}/work`).length;
  mkdirSync(rig.path("../drive"), { recursive: true });
  await rig.build(file, "--mirror", folder, "--until", "select.1");
  expect(kept()).toBe(4);

  rig.removeArtifacts();
  const run = await rig.build(file, "--mirror", folder);
  const epochs = manifests(rig, run).map(({ steps }) => steps.train?.evidence.epochs);
  expect(epochs).toContainEqual([1, 2]);
  expect(epochs).toContainEqual([2, 4]);
  expect(kept()).toBe(3);
});

test("all seeds of a setting are kept together; files that are edited during the run have no effect", async ({
  rig,
}) => {
  const file = addSimulatedTraining(
    rig,
    "sweep: {strategy: halving, grid: {train.rank: [3, 6]}, repeat: {train.seed: [1, 2]}, select: {}}\n",
  );
  rig.write("experiments/synonyms.yaml", "{}\n");
  rig.edit(file, "labels}", "labels}\n  labels: {synonyms: synonyms.yaml}");
  const twin = rig.copy();
  twin.package = rig.package;
  const straight = await twin.build(file);
  expect(selectionOf(straight).settings.map(({ setting, runs }) => [setting, runs.length])).toEqual([
    ["train.rank=6", 2],
  ]);

  const started = rig.start(["run", file, "--json"]);
  await started.waitFor(/"step-end","step":"train/);
  rig.write("prompts/ask.hbs", "{{#user}}Say nothing of {{input}}{{/user}}\n");
  rig.write("prompts/zero.hbs", "{{#user}}Say nothing of {{input}}{{/user}}\n");
  rig.write("experiments/synonyms.yaml", "liver cyst: [unknown]\n");
  rig.edit(file, "[3, 6]", "[9, 10]");
  const run = parseEvents(await started.ended);
  expect([run.code, run.stderr]).toEqual([0, ""]);
  const keys = (one: Rig, events: RunEvents) =>
    manifests(one, events).map(({ coordinates, steps }) => [
      coordinates,
      Object.entries(steps).map(([step, { key }]) => [step, key]),
    ]);
  expect(keys(rig, run)).toEqual(keys(twin, straight));

  // One seed more runs that one alone.
  twin.edit(file, "[1, 2]", "[1, 2, 3]");
  const more = await twin.build(file);
  const built = Object.entries(more.steps).filter(([step, how]) => step.startsWith("train") && how === "built");
  expect(built).toHaveLength(3);
});

test("all folds of a setting are kept together; the winner is chosen by the answers to all rows", async ({ rig }) => {
  const file = addSimulatedTraining(rig, "sweep: {strategy: halving, grid: {train.rank: [3, 6]}, select: {}}\n");
  rig.edit(file, "validation: {file: data/validation.csv}", "validation: {folds: 3}");
  const run = await rig.build(file);
  const { winner, n, settings, earlier } = selectionOf(run);
  const rows = rig.read("experiments/data/train.csv").trimEnd().split("\n").length - 1;
  expect([winner, n, settings.map(({ runs }) => runs.length)]).toEqual(["train.rank=6", rows, [3]]);
  expect(earlier?.[0]?.settings.map(({ setting, runs }) => [setting, runs.length])).toEqual([
    ["train.rank=3", 3],
    ["train.rank=6", 3],
  ]);
  // Two settings for one epoch, one of them for all four: three folds each.
  const made = Object.entries(run.steps).filter(([step, how]) => step.startsWith("train") && how === "built");
  expect(made).toHaveLength(9);
});
