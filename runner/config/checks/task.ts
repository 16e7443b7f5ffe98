import { selectionMetric } from "../../plugins/backends/keep.ts";
import { measuredMetrics, ownMetrics } from "../../plugins/metrics/own-metric.ts";
import { rankingMetrics, tasks } from "../../plugins/tasks/registry.ts";
import type { CheckContext } from "./context.ts";

/** Metrics, views, baselines and keys that the task does not have. */
export function checkTask(context: CheckContext): void {
  const { experiment } = context;
  const task = tasks.get(experiment.task);
  const { metrics, primary } = experiment.evaluate;
  const unsupported = (path: string, what: string, choices: readonly string[]): void => {
    const help = choices.length === 0 ? "remove it" : `use one of ${choices.join(", ")}`;
    context.error(path, "task-unsupported", `task ${task.name} has no ${what}`, help);
  };
  metrics.forEach((metric, at) => {
    if (typeof metric === "string" && !task.metrics.has(metric))
      unsupported(`evaluate.metrics.${at}`, `metric ${metric}`, task.metrics.names());
  });
  const own = ownMetrics(experiment.evaluate).map(({ name }) => name);
  own.push(...measuredMetrics(experiment.evaluate));
  const ranking = [...own, ...rankingMetrics(task.metrics)];
  if (!ranking.includes(primary.metric)) {
    if (task.metrics.has(primary.metric)) {
      const message = `${primary.metric} has no best direction: it cannot be the primary metric`;
      context.error("evaluate.primary.metric", "task-unsupported", message, `use one of ${ranking.join(", ")}`);
    } else unsupported("evaluate.primary.metric", `metric ${primary.metric}`, ranking);
  }
  if (!task.views.includes(primary.view)) unsupported("evaluate.primary.view", `view ${primary.view}`, task.views);
  experiment.baselines.forEach((name, at) => {
    if (!task.baselines.includes(name)) unsupported(`baselines.${at}`, `baseline ${name}`, task.baselines);
  });
  for (const { schema } of tasks) {
    for (const [section, keys] of Object.entries(schema)) {
      for (const key of Object.keys(keys)) {
        const isOwn = task.schema[section] !== undefined && Object.hasOwn(task.schema[section], key);
        if (!isOwn && context.wrote(`${section}.${key}`))
          unsupported(`${section}.${key}:`, `key ${section}.${key}`, []);
      }
    }
  }
  if (task.labels === undefined) checkLabelFeatures(context, task.name);
  const { constrain = "none" } = experiment.generate;
  const constraints = ["none", ...(task.constraints ?? [])];
  if (!constraints.includes(constrain)) unsupported("generate.constrain", `constrain: ${constrain}`, constraints);
}

/** Features that need labels. */
function checkLabelFeatures(context: CheckContext, task: string): void {
  const { prompt, train, generate } = context.experiment;
  const needsLabels = (path: string, what: string): void =>
    context.error(path, "task-unsupported", `${what} needs a task with labels, not ${task}`, "remove it");
  if (prompt.labels !== undefined) needsLabels("prompt.labels:", "prompt.labels");
  if (prompt.candidates !== undefined) needsLabels("prompt.candidates:", "prompt.candidates");
  if (train?.suspects !== undefined) needsLabels("train.suspects:", "train.suspects");
  const metric = train === undefined ? undefined : selectionMetric(train.keep);
  if (metric !== undefined && metric !== "loss") needsLabels("train.keep.best", `keep: {best: ${metric}}`);
  if (generate.vote !== undefined) needsLabels("generate.vote:", "generate.vote");
}
