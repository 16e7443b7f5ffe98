import { extname } from "node:path";
import { engines } from "../../plugins/engines/registry.ts";
import {
  embeddingScore,
  judgeScore,
  metricLanguages,
  ownMetrics,
  shownMetrics,
} from "../../plugins/metrics/own-metric.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { CheckContext } from "./context.ts";
import { needFile } from "./data.ts";
import { checkBase } from "./model.ts";

/** Rows to evaluate on, and validation rows for selection. */
export function checkEvaluate(context: CheckContext): void {
  const { data, evaluate } = context.experiment;
  checkOwnMetrics(context);
  checkJudge(context);
  checkEmbedding(context);
  if (evaluate.split === "test" && data.test === undefined) {
    const help = "add data.test, or set evaluate: {split: validation}";
    context.error("data:", "missing-key", "data.test is missing, and evaluate.split is test", help);
  }
  if (evaluate.split === "validation" && data.validation === undefined) {
    const help = "add data.validation, such as {fraction: 0.1}";
    context.error(
      "evaluate.split",
      "needs-validation",
      "data.validation is missing, and evaluate.split is validation",
      help,
    );
  }
  if (context.select !== undefined && data.validation === undefined) {
    const message = "sweep.select needs validation rows, and data.validation is missing";
    const help = "add data.validation, such as {fraction: 0.1}";
    context.add([{ severity: "error", code: "needs-validation", message, span: context.select, help }]);
  }
  if (!shownMetrics(evaluate).includes(evaluate.primary.metric) && context.wrote("evaluate.metrics")) {
    const message = `evaluate.metrics lacks the primary metric ${evaluate.primary.metric}`;
    context.error("evaluate.metrics:", "primary-not-shown", message, `add ${evaluate.primary.metric} to metrics`);
  }
}

/** Names and files of the metrics that the study brings. Their code does not run. */
function checkOwnMetrics(context: CheckContext): void {
  const { evaluate, task } = context.experiment;
  const seen = new Set(tasks.get(task).metrics.names());
  for (const metric of evaluate.metrics) if (typeof metric === "string") seen.add(metric);
  const own = ownMetrics(evaluate);
  evaluate.metrics.forEach((metric, at) => {
    if (typeof metric === "string") return;
    const path = `evaluate.metrics.${at}`;
    const { name, file, range } = metric;
    if (seen.has(name)) {
      const message = `there is another metric ${name}`;
      context.error(`${path}.name`, "duplicate-metric", message, "choose another name");
    }
    seen.add(name);
    if (range !== undefined && (range[0] as number) >= (range[1] as number))
      context.error(`${path}.range`, "out-of-range", "the least value must be below the greatest one");
    if (metricLanguages[extname(file)] === undefined) {
      const message = `${context.display(file)} is not the file of a metric`;
      context.error(`${path}.file`, "bad-format", message, `use one of ${Object.keys(metricLanguages).join(", ")}`);
    } else needFile(context, `${path}.file`, file, "metric file");
  });
  if (own.length > mostOwnMetrics) {
    const message = `the study has ${own.length} metrics of its own`;
    context.error("evaluate.metrics", "out-of-range", message, `the limit is ${mostOwnMetrics}`);
  }
}

/** The judge: for texts, with a rubric, and trusted with a decision only if its agreement with people is measured. */
function checkJudge(context: CheckContext): void {
  const { experiment } = context;
  const { evaluate, task } = experiment;
  const { judge, primary } = evaluate;
  if (judge === undefined) return;
  if (tasks.get(task).isJudged !== true)
    context.error(
      "evaluate.judge:",
      "task-unsupported",
      `evaluate.judge needs a task with texts, not ${task}`,
      "remove it",
    );
  checkName(context, judgeScore, "evaluate.judge");
  const [low, high] = judge.scale as readonly [number, number];
  if (low >= high)
    context.error("evaluate.judge.scale", "out-of-range", "the least score must be below the greatest one");
  needFile(context, "evaluate.judge.rubric", judge.rubric, "template");
  if (judge.ratings === undefined) {
    const help = "add evaluate.judge.ratings: answers that people rated, so that its agreement with people is measured";
    if (primary.metric === judgeScore)
      context.error(
        "evaluate.primary.metric",
        "unrated-judge",
        `${judgeScore} without ratings cannot be the primary metric`,
        help,
      );
  } else needFile(context, "evaluate.judge.ratings", judge.ratings, "data file");
  // The judge is not the model that the experiment trains.
  const { train: _trained, ...others } = experiment;
  const engine = engines.find(judge.generate.engine);
  const place = (path: string): string => `evaluate.judge.${path}`;
  engine?.check?.({
    ...context,
    experiment: { ...others, generate: judge.generate },
    error: (path, ...more) => context.error(place(path), ...more),
    warning: (path, ...more) => context.warning(place(path), ...more),
    wrote: (path) => context.wrote(place(path)),
    needFile: (path, file) => needFile(context, place(path), file, "data file"),
  });
}

/** No metric of the study has the name of a metric that another model measures. */
function checkName(context: CheckContext, name: string, key: string): void {
  if (context.experiment.evaluate.metrics.some((metric) => typeof metric !== "string" && metric.name === name))
    context.error("evaluate.metrics", "duplicate-metric", `${name} is the metric of ${key}`, "choose another name");
}

/** The embedding model: for texts, a model that exists or can be downloaded at a fixed commit. */
function checkEmbedding(context: CheckContext): void {
  const { evaluate, task } = context.experiment;
  const { embedding } = evaluate;
  if (embedding === undefined) return;
  if (tasks.get(task).isJudged !== true) {
    const message = `evaluate.embedding needs a task with texts, not ${task}`;
    context.error("evaluate.embedding:", "task-unsupported", message, "remove it");
  }
  checkName(context, embeddingScore, "evaluate.embedding");
  checkBase(context, "evaluate.embedding", embedding);
}

/** Each metric of a study has a process. */
const mostOwnMetrics = 20;
