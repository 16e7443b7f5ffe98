import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { DraftedPoint } from "../pipeline/sweep/planner.ts";
import { shortKeys, valueText } from "../reporting/report/ablation.ts";
import { rememberedWeakly } from "../util/remember.ts";

/**
 * Readable names of the steps that exist several times in a plan: "train (rank=8)" for train@e0f6ce59. The settings are those
 * that all runs with the step share and that differ between runs of the plan. A step keeps its id if the name is not unique.
 */
export function stepLabels(
  runs: readonly PlannedRun[],
  points: ReadonlyMap<PlannedRun, Pick<DraftedPoint, "values">>,
): ReadonlyMap<PlannedStep, string> {
  const settings = new Map<PlannedStep, Settings>();
  const all = runs.map((run) => settingsOf(run, points));
  const keys = new Set(all.flatMap((one) => [...one.keys()]));
  const varied = [...keys].filter((key) => new Set(all.map((one) => one.get(key))).size > 1);
  for (const [at, { steps }] of runs.entries()) {
    const of = all[at] as ReadonlyMap<string, string>;
    const first = { keys: varied.filter((key) => of.has(key)), of };
    for (const step of steps.values()) {
      const before = settings.get(step);
      if (before === undefined) settings.set(step, first);
      else if (before.keys.some((key) => before.of.get(key) !== of.get(key)))
        settings.set(step, { keys: before.keys.filter((key) => before.of.get(key) === of.get(key)), of });
    }
  }
  const short = new Map(shortKeys(varied).map((name, at) => [varied[at], name]));
  const labels = new Map<PlannedStep, string>();
  const uses = new Map<string, number>();
  // The steps of a run mostly have the same settings.
  const textOf = rememberedWeakly(({ keys: shared, of }: Settings) =>
    shared.map((key) => (key === "" ? of.get(key) : `${short.get(key)}=${of.get(key)}`)).join(", "),
  );
  for (const [step, own] of settings) {
    const text = textOf(own);
    const name = step.id.replace(/@[0-9a-f]+$/, "");
    const label = name === step.id || text === "" ? step.id : `${name} (${text})`;
    labels.set(step, label);
    uses.set(label, (uses.get(label) ?? 0) + 1);
  }
  return new Map([...labels].map(([step, label]) => [step, uses.get(label) === 1 ? label : step.id]));
}

/** Some of the keys that a sweep sets in a run, and the values of all of them. */
type Settings = { readonly keys: readonly string[]; readonly of: ReadonlyMap<string, string> };

/** What a sweep sets in a run, and under "" the experiment. */
function settingsOf(
  run: PlannedRun,
  points: ReadonlyMap<PlannedRun, Pick<DraftedPoint, "values">>,
): ReadonlyMap<string, string> {
  const { values = {} } = points.get(run) ?? {};
  return new Map([
    ["", run.experiment],
    ...Object.entries(values).map(([key, value]) => [key, valueText(value)] as const),
  ]);
}

/** A function that puts the readable names into a text in place of ids such as train@e0f6ce59. */
export function labeller(labels: ReadonlyMap<PlannedStep, string>): (text: string) => string {
  const byId = new Map([...labels].map(([{ id }, label]) => [id, label]));
  return (text) =>
    !text.includes("@") ? text : text.replaceAll(/(?<![\w.])[\w.]+@[0-9a-f]+/g, (id) => byId.get(id) ?? id);
}
