import { formatStepRef, parseArm, stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { metricsOf } from "../../pipeline/steps/task.ts";
import { isBetter } from "../../plugins/metrics/metric.ts";
import { isModelGeneration } from "../../runs/replayed-arms.ts";
import { armNamingOf, metricName, modelArms, primaryArm } from "../report/display-names.ts";
import type { RunFacts } from "../report/study.ts";
import { trainingSeconds } from "../report/trainings.ts";
import { colourScale, config, type Figure, schema, width } from "./figure.ts";

/** A run, or an arm of the only run, with its time and its primary metric. */
type Point = {
  readonly name: string;
  readonly seconds: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
};

/**
 * Primary metric against time, with a line through the points that no faster point reaches: one point for each run, or, of a
 * single run, for each arm of a language model.
 */
export const costQuality: Figure = ({ runs }) => {
  const points = costPoints(runs);
  if (points.length < 2) return undefined;
  const { unit, seconds } = unitOf(Math.max(...points.map((point) => point.seconds)));
  const values = points.map(({ seconds: taken, ...point }) => ({ ...point, time: taken / seconds }));
  const title = runs.length > 1 ? "time of all steps" : "time of training and generation";
  const x = { field: "time", type: "quantitative", title: `${title} (${unit})` };
  const { config: experiment } = runs.at(-1) as RunFacts;
  const { metric } = experiment.evaluate.primary;
  const direction = metricsOf(experiment).get(metric);
  const best = new Set(frontier(points, (a, b) => isBetter(direction, a, b)).map(({ name }) => name));
  const y = { type: "quantitative", title: metricName(metric), scale: { zero: false } };
  const legend = { orient: "bottom", columns: 2, labelLimit: width / 2 };
  const color = {
    field: "name",
    type: "nominal",
    title: null,
    sort: null,
    legend,
    scale: colourScale(points.length),
  };
  return {
    $schema: schema,
    width,
    height: 180,
    config,
    data: { values },
    layer: [
      {
        transform: [{ filter: { field: "name", oneOf: [...best] } }],
        mark: { type: "line", color: "#888", strokeDash: [4, 4], interpolate: "step-after" },
        encoding: { x, y: { ...y, field: "value" } },
      },
      { mark: "rule", encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color } },
      {
        mark: { type: "point", filled: true, size: 60, opacity: 1 },
        encoding: { x, y: { ...y, field: "value" }, color },
      },
    ],
  };
};

function costPoints(runs: readonly RunFacts[]): readonly Point[] {
  const [only] = runs;
  if (runs.length === 1 && only !== undefined) {
    const name = armNamingOf(only);
    return modelArms(only).flatMap(({ arm }) => pointOf(only, arm, name(arm), armSeconds(only, arm)));
  }
  return runs.flatMap((run) => pointOf(run, primaryArm(run), run.name, run.cost.seconds));
}

function pointOf(run: RunFacts, arm: string, name: string, seconds: number | undefined): readonly Point[] {
  const measured = run.comparison?.arms[arm]?.[run.config.evaluate.primary.metric];
  if (measured === undefined || measured.value === null || seconds === undefined) return [];
  const { value, low = value, high = value } = measured;
  return [{ name, seconds, value, low, high }];
}

/** The time of an arm: its generation, and its training if it has one. Undefined if its predictions were replayed. */
export function armSeconds({ steps }: Pick<RunFacts, "steps">, arm: string): number | undefined {
  const generation = steps[stepOfArm("generate", arm)];
  if (generation === undefined || !isModelGeneration(generation)) return undefined;
  const { arm: own, experiment } = parseArm(arm);
  if (own !== "tuned") return generation.seconds;
  // An arm of a compared experiment with the same training as the run has no training step of its own.
  const training =
    steps[formatStepRef({ stage: "train", ...(experiment === undefined ? {} : { experiment }) })] ?? steps.train;
  return generation.seconds + (training === undefined ? 0 : trainingSeconds(training));
}

/** The points that no faster point reaches, from the fastest. */
export function frontier(
  points: readonly Point[],
  better: (value: number, other: number) => boolean,
): readonly Point[] {
  return points
    .filter((one) => !points.some((other) => other !== one && dominates(other, one, better)))
    .toSorted((a, b) => a.seconds - b.seconds);
}

/** Whether a point is at least as fast and as good as another one, and faster or better. */
function dominates(a: Point, b: Point, better: (value: number, other: number) => boolean): boolean {
  if (a.seconds > b.seconds || better(b.value, a.value)) return false;
  return a.seconds < b.seconds || better(a.value, b.value);
}

/** The unit for times up to a maximum. */
function unitOf(seconds: number): { readonly unit: string; readonly seconds: number } {
  if (seconds < 180) return { unit: "seconds", seconds: 1 };
  return seconds < 10_800 ? { unit: "minutes", seconds: 60 } : { unit: "hours", seconds: 3600 };
}
