/** Sweeps by TPE: later settings follow from earlier scores, a restart proposes the same, and one setting is scored on test. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Selection } from "../pipeline/steps/selection.ts";
import type { PlanJson, RunEvents } from "./command.ts";
import { type Rig, test } from "./rig.ts";
import { addSimulatedTraining } from "./simulated-training.ts";

const ranks = Array.from({ length: 11 }, (_, at) => at + 1);
const sweep = `sweep:
  grid: {train.rank: [${ranks.join(", ")}]}
  strategy: tpe
  trials: 6
  startup: 3
  parallel: 2
  seed: 2
  select: {}
`;

const selectionOf = (run: RunEvents): Selection =>
  JSON.parse(readFileSync(run.manifest.replace("manifest.json", "selection.json"), "utf8")) as Selection;

const trainings = (run: RunEvents): readonly string[] =>
  Object.entries(run.steps).flatMap(([step, how]) => (step.startsWith("train") && how === "built" ? [step] : []));

const roles = (rig: Rig, run: RunEvents): readonly string[] =>
  run.events.flatMap((event) =>
    event.type === "run-end" && event.manifest !== null ? [rig.manifest(event.manifest).role] : [],
  );

test("later settings follow from the scores of earlier ones, and an interrupted sweep proposes the same", async ({
  rig,
}) => {
  const file = addSimulatedTraining(rig, sweep);
  expect(await rig.output("check", file)).toMatch(/by TPE, which tries 6 of 11 settings, at first 3\b/);
  const before = await rig.json<PlanJson>("plan", file);
  expect(before.runs).toBe(3);
  expect(before.steps.slice(-2).map(({ id, reason }) => [id, reason])).toEqual([
    ["proposals", expect.stringMatching(/\bselect\.1\b.*\b3 later settings\b.*\bscores\b/)],
    ["winner", expect.stringMatching(/\bselect\b.*\b1 of 6\b/)],
  ]);

  const twin = rig.copy();
  twin.package = rig.package;
  const run = await rig.build(file);
  const { settings, winner, corrected, proposed } = selectionOf(run);
  expect([settings.length, proposed]).toEqual([6, undefined]);
  expect(corrected?.value).toBeGreaterThan(0);
  // The score increases with the rank.
  const tried = settings.map(({ values }) => values["train.rank"] as number);
  expect(winner).toBe(`train.rank=${Math.max(...tried)}`);
  expect(Math.max(...tried)).toBe(11);
  expect(trainings(run)).toHaveLength(6);
  expect(roles(rig, run)).toEqual([...Array.from({ length: 6 }, () => "candidate"), "final"]);
  for (const command of ["show", "compare"]) {
    const shown = await rig.output(command, "simulated");
    expect([command, shown]).toEqual([command, expect.stringMatching(/simulated: 6 settings\n[\s\S]*^11 .*\n/m)]);
  }

  const again = await rig.build(file);
  expect([again.manifest, new Set(Object.values(again.steps))]).toEqual([run.manifest, new Set(["reused"])]);
  const after = await rig.json<PlanJson>("plan", file);
  expect(new Set(after.steps.map(({ status }) => status))).toEqual(new Set(["cached"]));

  const first = await twin.build(file, "--until", "select.1");
  expect(trainings(first)).toHaveLength(3);
  const rest = await twin.build(file);
  expect(trainings(rest)).toHaveLength(3);
  expect(selectionOf(rest)).toEqual(selectionOf(run));

  // One more trial keeps the first six.
  rig.edit(file, "trials: 6", "trials: 7");
  expect(trainings(await rig.build(file))).toHaveLength(1);
});

test("a job system refuses a sweep by TPE before anything is submitted", async ({ rig }) => {
  const file = addSimulatedTraining(rig, sweep);
  const option = await rig.exp("run", file, "--executor", "slurm");
  expect([option.code, option.stderr]).toEqual([2, expect.stringMatching(/strategy: tpe\b.*\bslurm\b/)]);
  rig.edit(file, "resources: {gpus: 0}", "resources: {gpus: 0, executor: slurm}");
  const { code, stderr } = await rig.exp("check", file);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/simulated\.yaml:\d+:\d+[\s\S]*strategy: tpe\b.*\bslurm\b/),
  ]);
});
