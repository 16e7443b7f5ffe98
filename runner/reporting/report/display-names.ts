import { classicalBaselines } from "../../evaluation/baselines/names.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { RunFacts } from "./study.ts";

const armNames: Readonly<Record<string, string>> = {
  zero_shot: "zero-shot",
  tuned: "fine-tuned",
  ...Object.fromEntries(Object.entries(classicalBaselines).map(([arm, { displayName }]) => [arm, displayName])),
  ensemble: "ensemble",
};

/** The display name of an arm: "zero-shot"; "qlora-4b, fine-tuned" for an arm of a compared experiment. */
export function armName(arm: string): string {
  const dot = arm.lastIndexOf(".");
  const own = armNames[arm.slice(dot + 1)] ?? arm.slice(dot + 1);
  return dot < 0 ? own : `${arm.slice(0, dot)}, ${own}`;
}

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

/** The arm that a run evaluates: the fine-tuned model, or the zero-shot model if the run trains nothing. */
export const primaryArm = (run: RunFacts): string => (run.config.train === undefined ? "zero_shot" : "tuned");
