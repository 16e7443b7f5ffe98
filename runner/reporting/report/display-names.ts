import { armNames, type ModelArm, modelArmsOf, type NamedRun } from "../../pipeline/steps/arm-names.ts";
import type { Arm } from "../../pipeline/steps/arms.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { RunComparison } from "../../runs/compare.ts";
import type { Naming } from "./comparison-tables.ts";
import type { RunFacts } from "./study.ts";

/** The display names of the arms of a run: "Qwen3-8B, LoRA"; the same in all outputs. */
export function armNaming(run: NamedRun): Naming["arm"] {
  const names = armNames(run);
  return (arm) => names.get(arm) ?? arm;
}

/** `armNaming` of a run in a report. */
export const armNamingOf = (run: Pick<RunFacts, "config" | "compared" | "arms">): Naming["arm"] =>
  armNaming({ ...run, arms: run.arms.map(({ name }) => name) });

/** The display names of the arms and metrics of a run in a report. */
export const namingOf = (run: Pick<RunFacts, "config" | "compared" | "arms">): Naming => ({
  arm: armNamingOf(run),
  metric: metricName,
});

/** The display names of the arms of a comparison of runs. */
export const comparedNaming =
  ({ answerers }: Pick<RunComparison, "answerers">): Naming["arm"] =>
  (arm) =>
    answerers[arm]?.name ?? arm;

/** The display name of a metric: "micro-F1". */
export function metricName(metric: string): string {
  for (const { metrics } of tasks) {
    const name = metrics.find(metric)?.displayName;
    if (name !== undefined) return name;
  }
  return metric.replaceAll("_", " ");
}

/** Whether targets and predictions of an experiment are labels. */
export const hasLabels = ({ task }: RunFacts["config"]): boolean => tasks.get(task).labels !== undefined;

/** The arms of a run that a language model answers. */
export const modelArms = (run: Pick<RunFacts, "config" | "compared" | "arms">): readonly ModelArm[] =>
  modelArmsOf({ ...run, arms: run.arms.map(({ name }) => name) });

/** The arms of a run that are fine-tuned models. */
export const trainedArms = (run: Pick<RunFacts, "config" | "compared" | "arms">): readonly ModelArm[] =>
  modelArms(run).filter(({ isTrained }) => isTrained);

/**
 * The arms that a table with room for `most` of them shows, in the order of all tables. If there are more, the primary
 * arm, other arms of language models and the strongest baseline are first choices.
 */
export function shownArms(run: RunFacts, most: number, has: (arm: Arm) => boolean = () => true): readonly Arm[] {
  const all = run.arms.map(({ name }) => name).filter(has);
  const own = primaryArm(run);
  const models = modelArms(run).map(({ arm }) => arm);
  const baseline = run.analysis?.baseline ?? own;
  const chosen = [...new Set([own, ...models, baseline, ...all])].filter((arm) => all.includes(arm)).slice(0, most);
  return all.filter((arm) => chosen.includes(arm));
}

/** The arm that a run evaluates: the fine-tuned model, or the zero-shot model if the run trains nothing. */
export const primaryArm = (run: RunFacts): Arm => (run.config.train === undefined ? "zero_shot" : "tuned");
