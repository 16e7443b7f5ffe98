import { embeddingMetric } from "../../evaluation/text/embedding.ts";
import { type JudgeScale, judgeMetric } from "../../evaluation/text/judge.ts";
import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Metric } from "../../plugins/metrics/metric.ts";
import {
  describedMetric,
  type MetricProcess,
  metricLanguages,
  type OwnMetric,
  ownMetric,
  ownMetrics,
} from "../../plugins/metrics/own-metric.ts";
import { Registry } from "../../plugins/registry.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepContext } from "../../plugins/step.ts";
import { lockSource } from "../../plugins/step-work.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { Instruction, OpenTask, Task, TaskSections } from "../../plugins/tasks/task.ts";
import type { Json } from "../../util/canonical.ts";
import { readRegularFile } from "../../util/regular-file.ts";

/** Settings by which the task of an experiment scores predictions; undefined if the task has none. */
export function scoringOf(experiment: Experiment): Json | undefined {
  return taskOf(experiment).scoringSettings?.(sectionsOf(experiment));
}

/** The parameters of a step that reads targets or predictions. */
export type TaskParams = {
  readonly task: string;
  /** Settings by which the task parses targets and answers. */
  readonly parsing: Json;
  /** Settings by which the task scores predictions; absent in steps that do not score. */
  readonly scoring?: Json;
  /** The metrics that the study brings; absent without any, and in steps that do not score. */
  readonly own_metrics?: readonly OwnMetricParams[];
  /** Least and greatest score of the judge; absent without one. */
  readonly judge_scale?: readonly number[];
  /** Present with an embedding model. */
  readonly embedding?: true;
};

type OwnMetricParams = {
  readonly name: string;
  readonly definition?: string;
  readonly higher_is_better: boolean;
  readonly range?: readonly number[];
};

const sectionsOf = ({ data }: Experiment): TaskSections => ({ data: data as unknown as TaskSections["data"] });

/** The task of an experiment. */
export function taskOf({ task }: { readonly task: string }): Task {
  return tasks.get(task);
}

/** The parameters of a step that scores predictions. */
export function taskParams(experiment: Experiment): TaskParams {
  const scoring = scoringOf(experiment);
  const own = ownMetrics(experiment.evaluate).map(({ name, definition, higher_is_better, range }) => ({
    ...{ name, higher_is_better },
    ...(definition === undefined ? {} : { definition }),
    ...(range === undefined ? {} : { range: [...range] }),
  }));
  return {
    ...parsingParams(experiment),
    ...(scoring === undefined ? {} : { scoring }),
    ...(own.length === 0 ? {} : { own_metrics: own }),
    ...(experiment.evaluate.judge === undefined ? {} : { judge_scale: [...experiment.evaluate.judge.scale] }),
    ...(experiment.evaluate.embedding === undefined ? {} : { embedding: true as const }),
  };
}

/** The name of a metric's file among the sources of a step. */
const metricSource = (name: string): string => `evaluate.metrics.${name}`;

/** The name of the limits of a metric among the hints of a step. */
const limitsHint = (name: string): string => `limits of ${name}`;

/** A draft with what the study's own metrics need: their files, their limits, and the environment of Python files. */
export function withOwnMetrics<D extends Draft>(draft: D, experiment: Experiment, site: Site): D {
  const own = ownMetrics(experiment.evaluate);
  if (own.length === 0) return draft;
  const environment = own.some(isPython) ? defaultEnvironment() : undefined;
  return {
    ...draft,
    sources: {
      ...draft.sources,
      ...Object.fromEntries(own.map(({ name, file }) => [metricSource(name), file])),
      ...(environment === undefined ? {} : { [lockSource(environment)]: site.lock(environment) }),
    },
    hints: {
      ...draft.hints,
      ...Object.fromEntries(own.map(({ name, timeout, memory }) => [limitsHint(name), { timeout, memory }])),
    },
    ...(environment === undefined ? {} : { environment }),
  };
}

const isPython = ({ file }: Pick<OwnMetric, "file">): boolean =>
  metricLanguages[file.slice(file.lastIndexOf("."))] === "python";

/**
 * The metrics of the task and of the study, for a step that scores. A metric of the study starts its process when it is
 * used.
 */
export function openMetrics(
  params: TaskParams,
  context: Pick<StepContext, "source" | "hint" | "metric">,
): Registry<Metric> {
  return metricsWith(params.task, params.own_metrics ?? [], modelMetrics(params), ({ name }) => {
    const file = context.source(metricSource(name));
    const limits = context.hint(limitsHint(name)) as Pick<OwnMetric, "timeout" | "memory">;
    return { file, open: () => context.metric(file, limits) };
  });
}

/** The metrics of an experiment for tables and reports. The metrics of the study compute nothing. */
export function metricsOf(experiment: Pick<Experiment, "task" | "evaluate">): Registry<Metric> {
  const { task, evaluate } = experiment;
  return withTaskMetrics(task, [...ownMetrics(evaluate).map(describedMetric), ...metricsOfModels(evaluate)]);
}

/** The metrics of a task, and metrics of users with what calls their functions. */
export function metricsWith<M extends OwnMetricParams>(
  task: string,
  own: readonly M[],
  ofModels: readonly Metric[],
  processOf: (metric: M) => { readonly file: string; open(): MetricProcess },
): Registry<Metric> {
  const { plain } = tasks.get(task);
  return withTaskMetrics(task, [
    ...own.map((metric) => ownMetric(metric, { ...processOf(metric), plain })),
    ...ofModels,
  ]);
}

/** The metrics of the judge and of the embedding model that `evaluate` names. */
export const metricsOfModels = ({ judge, embedding }: Pick<Experiment["evaluate"], "judge" | "embedding">) =>
  modelMetrics({
    ...(judge === undefined ? {} : { judge_scale: judge.scale }),
    ...(embedding === undefined ? {} : { embedding: true }),
  });

function modelMetrics({ judge_scale, embedding }: Pick<TaskParams, "judge_scale" | "embedding">): readonly Metric[] {
  return [
    ...(judge_scale === undefined ? [] : [judgeMetric(judge_scale as unknown as JudgeScale)]),
    ...(embedding === undefined ? [] : [embeddingMetric]),
  ];
}

function withTaskMetrics(task: string, own: readonly Metric[]): Registry<Metric> {
  const { metrics } = tasks.get(task);
  if (own.length === 0) return metrics;
  const all = new Registry<Metric>("metric");
  for (const metric of [...metrics, ...own]) if (!all.has(metric.name)) all.register(metric);
  return all;
}

/** The parameters of a step that parses targets or answers and does not score them. */
export function parsingParams(experiment: Experiment): TaskParams {
  return { task: experiment.task, parsing: taskOf(experiment).parsingSettings(sectionsOf(experiment)) };
}

/** The sentences that an untrained model gets in addition to a template. */
export function instructionOf(experiment: Experiment): Instruction | undefined {
  return taskOf(experiment).instruction?.(sectionsOf(experiment));
}

/** Settings by which training targets are written. */
export function trainingSettingsOf(experiment: Experiment): Json {
  return taskOf(experiment).trainingSettings(sectionsOf(experiment));
}

/** Sources of a step that scores: files that the task's settings name. */
export function scoringFiles(experiment: Experiment): Readonly<Record<string, string>> {
  return taskOf(experiment).files(sectionsOf(experiment)).scoring;
}

/** Sources of a step that scores and analyses. */
export function analysisFiles(experiment: Experiment): Readonly<Record<string, string>> {
  const { scoring, analysis } = taskOf(experiment).files(sectionsOf(experiment));
  return { ...scoring, ...analysis };
}

/** The task with the settings and files of a step. Throws UserError if a file is invalid. */
export function openTask(params: TaskParams, context: Pick<StepContext, "hasSource" | "source">): Promise<OpenTask> {
  return openTaskWith(params, (key) => (context.hasSource(key) ? context.source(key) : undefined));
}

/** The task with files at the paths that `pathOf` gives by key. */
export function openTaskWith(
  { task, parsing, scoring }: TaskParams,
  pathOf: (key: string) => string | undefined,
): Promise<OpenTask> {
  const read = (key: string) => {
    const path = pathOf(key);
    return path === undefined ? undefined : { path, text: readRegularFile(path, "label file").toString("utf8") };
  };
  return tasks.get(task).open(parsing, read, scoring);
}
