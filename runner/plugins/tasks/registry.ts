import type { Metric } from "../metrics/metric.ts";
import { Registry } from "../registry.ts";
import type { Task } from "./task.ts";

/** The tasks that `task` offers. The first one is the default. */
export const tasks = new Registry<Task>("task");

/** The task of an experiment that names none. */
export function defaultTask(): Task {
  const [first] = tasks;
  if (first === undefined) throw new Error("no task is registered");
  return first;
}

/** Names of the metrics of all tasks, each once. */
export function metricNames(): readonly string[] {
  return [...new Set([...tasks].flatMap(({ metrics }) => metrics.names()))];
}

/** Names of the metrics of all tasks that have a best direction: tests and selections use one of them. */
export function rankingMetricNames(): readonly string[] {
  return [...new Set([...tasks].flatMap(({ metrics }) => rankingMetrics(metrics)))];
}

/** Names of the metrics with a best direction. */
export const rankingMetrics = (metrics: Iterable<Metric>): readonly string[] =>
  [...metrics].filter(({ higherIsBetter }) => higherIsBetter !== null).map(({ name }) => name);
