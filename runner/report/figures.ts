import type { RunFacts, Study } from "./study.ts";
import { armWord, metricWord, runWord, subject } from "./words.ts";

/** A figure of the report: nothing where the runs have no data for it. */
type Figure = (study: Study) => object | undefined;

const schema = "https://vega.github.io/schema/vega-lite/v6.json";
const width = 440;
/** Told apart without colour too: the palette of Okabe and Ito. */
const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const config = {
  font: "Libertinus Serif",
  background: "white",
  range: { category: colours },
  axis: { labelLimit: 260 },
  view: { stroke: "#ccc" },
};

/** Loss by step, a line a run; the running mean takes out the noise of single batches. */
const loss: Figure = ({ runs }) => {
  const values = runs.flatMap((run) => {
    const curve = run.curves.train;
    if (curve === undefined) return [];
    const each = Math.max(1, Math.ceil(curve.loss.length / 200));
    const training = smooth(curve.loss.map(({ loss }) => loss)).flatMap((value, index) =>
      index % each === 0 ? [{ run: runWord(run), part: "training", step: curve.loss[index]?.step, loss: value }] : [],
    );
    return [
      ...training,
      ...curve.validation.map(({ step, loss }) => ({ run: runWord(run), part: "validation", step, loss })),
    ];
  });
  if (values.length === 0) return undefined;
  const colour = { field: "run", type: "nominal", title: null };
  const x = { field: "step", type: "quantitative", title: "optimiser step" };
  const y = { field: "loss", type: "quantitative", title: "loss (nats a token)", scale: { zero: false } };
  return {
    $schema: schema,
    width,
    height: 180,
    config,
    data: { values },
    layer: [
      {
        transform: [{ filter: "datum.part == 'training'" }],
        mark: { type: "line", strokeWidth: 1.5 },
        encoding: { x, y, color: colour },
      },
      {
        transform: [{ filter: "datum.part == 'validation'" }],
        mark: { type: "point", filled: true, size: 50 },
        encoding: { x, y, color: colour },
      },
    ],
  };
};

function smooth(values: readonly number[]): readonly number[] {
  const window = Math.max(1, Math.round(values.length / 40));
  return values.map((_, index) => {
    const part = values.slice(Math.max(0, index - window + 1), index + 1);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

/** The primary metric of every arm with its interval. */
const intervals: Figure = ({ runs }) => {
  const metric = (runs.at(-1) as RunFacts).config.evaluate.primary.metric;
  const values = runs.flatMap((run) =>
    Object.entries(run.comparison?.arms ?? {}).map(([arm, metrics]) => ({
      name: runs.length > 1 ? `${runWord(run)}, ${armWord(arm)}` : armWord(arm),
      arm: armWord(arm.slice(arm.lastIndexOf(".") + 1)),
      ...metrics[metric],
    })),
  );
  if (values.length === 0) return undefined;
  const y = { field: "name", type: "nominal", title: null, sort: null };
  const color = { field: "arm", type: "nominal", title: null, legend: null };
  return {
    $schema: schema,
    width,
    height: { step: 18 },
    config,
    data: { values },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: {
          y,
          x: { field: "low", type: "quantitative", title: metricWord(metric), scale: { domain: [0, 1] } },
          x2: { field: "high" },
          color,
        },
      },
      {
        mark: { type: "point", filled: true, size: 55, opacity: 1 },
        encoding: { y, x: { field: "value", type: "quantitative" }, color },
      },
    ],
  };
};

/** F1 of each label against the rows that it was learnt from. */
const frequency: Figure = ({ runs }) => {
  const run = runs.at(-1) as RunFacts;
  const counts = new Map(run.trainLabels.map(({ label, count }) => [label.toLowerCase(), count]));
  const values = run.arms
    .filter(({ name }) => name === subject(run) || name === "tfidf_svm")
    .flatMap(({ name, labels }) =>
      labels
        .filter(({ support }) => support > 0)
        .map(({ label, support, f1 }) => ({
          arm: armWord(name),
          rows: (counts.get(label.toLowerCase()) ?? 0) + 1,
          support,
          f1,
        })),
    );
  if (values.length === 0 || run.trainLabels.length === 0) return undefined;
  return {
    $schema: schema,
    width,
    height: 180,
    config,
    data: { values },
    mark: { type: "point", opacity: 0.75 },
    encoding: {
      x: {
        field: "rows",
        type: "quantitative",
        scale: { type: "log" },
        title: "training rows that have the label, plus 1",
      },
      y: { field: "f1", type: "quantitative", title: "F1", scale: { domain: [0, 1] } },
      size: { field: "support", type: "quantitative", title: "scored cases" },
      color: { field: "arm", type: "nominal", title: null },
      shape: { field: "arm", type: "nominal", title: null },
    },
  };
};

/** Omitted labels against added ones. */
const confusions: Figure = ({ runs }) => {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  const found = run?.analysis?.arms[subject(run)]?.confusions;
  if (found === undefined || found.pairs.length === 0) return undefined;
  const values = found.omitted.flatMap((omitted, row) =>
    found.added.map((added, column) => ({ omitted, added, count: found.counts[row]?.[column] ?? 0 })),
  );
  const encoding = {
    x: { field: "added", type: "nominal", title: "added", sort: null, axis: { labelAngle: -50, labelLimit: 130 } },
    y: { field: "omitted", type: "nominal", title: "omitted", sort: null, axis: { labelLimit: 150 } },
  };
  return {
    $schema: schema,
    width: { step: 24 },
    height: { step: 18 },
    config,
    data: { values },
    layer: [
      {
        mark: "rect",
        encoding: {
          ...encoding,
          color: {
            field: "count",
            type: "quantitative",
            title: null,
            legend: null,
            scale: { range: ["#ffffff", "#0072B2"] },
          },
        },
      },
      {
        transform: [{ filter: "datum.count > 0" }],
        mark: { type: "text", fontSize: 9 },
        encoding: { ...encoding, text: { field: "count" } },
      },
    ],
  };
};

/** Whether a probability means what it says. */
const reliability: Figure = ({ runs }) => {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  const bins = run?.analysis?.arms[subject(run)]?.calibration?.per_token.bins.filter(({ cases }) => cases > 0) ?? [];
  if (bins.length === 0) return undefined;
  const unit = { type: "quantitative", scale: { domain: [0, 1] } };
  return {
    $schema: schema,
    width: 220,
    height: 180,
    config,
    layer: [
      {
        data: { values: [{ at: 0 }, { at: 1 }] },
        mark: { type: "line", strokeDash: [4, 4], color: "#888" },
        encoding: { x: { field: "at", ...unit }, y: { field: "at", ...unit } },
      },
      {
        data: { values: bins },
        mark: { type: "point", filled: true, opacity: 1 },
        encoding: {
          x: { field: "confidence", ...unit, title: "probability of the answer" },
          y: { field: "accuracy", ...unit, title: "exactly right" },
          size: { field: "cases", type: "quantitative", title: "cases" },
        },
      },
    ],
  };
};

/** Quality against what it cost. */
const costQuality: Figure = ({ runs }) => {
  if (runs.length < 2) return undefined;
  const values = runs.flatMap((run) => {
    const { metric } = run.config.evaluate.primary;
    const measured = run.comparison?.arms[subject(run)]?.[metric];
    return measured === undefined ? [] : [{ run: runWord(run), minutes: run.cost.seconds / 60, ...measured }];
  });
  if (values.length === 0) return undefined;
  const x = { field: "minutes", type: "quantitative", title: "minutes of all steps" };
  const color = { field: "run", type: "nominal", title: null };
  return {
    $schema: schema,
    width,
    height: 180,
    config,
    data: { values },
    layer: [
      {
        mark: "rule",
        encoding: {
          x,
          y: {
            field: "low",
            type: "quantitative",
            title: metricWord((runs.at(-1) as RunFacts).config.evaluate.primary.metric),
            scale: { zero: false },
          },
          y2: { field: "high" },
          color,
        },
      },
      {
        mark: { type: "point", filled: true, size: 60, opacity: 1 },
        encoding: { x, y: { field: "value", type: "quantitative" }, color },
      },
    ],
  };
};

const figures: Readonly<Record<string, Figure>> = {
  loss,
  intervals,
  frequency,
  confusions,
  reliability,
  "cost-quality": costQuality,
};

/** Every figure that these runs have data for, as Vega-Lite specifications by their ids. */
export function figuresOf(study: Study): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(figures).flatMap(([id, make]) => {
      const spec = make(study);
      return spec === undefined ? [] : [[id, spec]];
    }),
  );
}
