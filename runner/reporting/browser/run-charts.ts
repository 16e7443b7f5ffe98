import { decimal, significant } from "../../util/format.ts";
import type { ListedRun, RunList } from "../report/run-list.ts";
import type { Chart } from "./chart-view.ts";
import { type RunsState, runValue } from "./run-filter.ts";

/** The charts of the page of runs, with their display names. */
export const chartNames = {
  intervals: "metric of each run",
  time: "metric over time, best so far",
  cost: "metric against price or time",
  scatter: "metric against a setting",
  parallel: "parallel coordinates",
} as const;

/** With more runs than this, a chart of one line per run shows the best ones. */
const mostLines = 40;

/** One run in a chart. */
type Point = {
  readonly run: string;
  readonly experiment: string;
  readonly order: number;
  readonly created: string;
  readonly link: string;
  readonly seconds: number;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
};

/** The metric of the charts: the chosen one, or the primary metric of the newest run. */
export function metricOf(runs: readonly ListedRun[], { metric }: Pick<RunsState, "metric">): string {
  return metric === "" ? (runs.at(-1)?.metric ?? "") : metric;
}

/** The chosen chart of the runs that pass the filter; a text if they have no data for it. */
export function runsChart(
  runs: readonly ListedRun[],
  { armNames, metricNames, higherIsBetter }: RunList,
  state: Pick<RunsState, "chart" | "metric" | "arm" | "x">,
): Chart | string {
  const metric = metricOf(runs, state);
  const nameOf = namesOf(runs);
  const points = runs.flatMap((run, order): readonly Point[] => {
    const score = run.arms[state.arm === "" ? run.subject : state.arm]?.[metric];
    if (score === undefined) return [];
    const [value, low, high] = score;
    const bounds = low === undefined || high === undefined ? {} : { low, high };
    const { experiment, created, link, seconds } = run;
    return [{ run: nameOf(run), experiment, order: order + 1, created, link, seconds, value, ...bounds }];
  });
  if (points.length === 0) return "No run that passes the filter has this metric for this arm.";
  const arm = state.arm === "" ? "the main arm" : (armNames[state.arm] ?? state.arm);
  const name = metricNames[metric] ?? metric;
  const isBetter = betterOf(higherIsBetter, metric);
  const label = `${name} of ${arm} of ${points.length} ${points.length === 1 ? "run" : "runs"}`;
  switch (state.chart) {
    case "time":
      return overTime(points, name, label, isBetter);
    case "cost": {
      const prices = new Map(runs.map((run) => [nameOf(run), run.price]));
      const priceOf = ({ run }: Point): number | null => prices.get(run) ?? null;
      if (points.every((point) => priceOf(point) !== null))
        return against(points, { title: "price of all steps", of: (point) => priceOf(point) as number }, name, label);
      return against(points, { title: "time of all steps (seconds)", of: ({ seconds }) => seconds }, name, label);
    }
    case "scatter": {
      const values = new Map(runs.map((run) => [nameOf(run), runValue(run, state.x)]));
      const known = points.filter(({ run }) => (values.get(run) ?? null) !== null);
      if (known.length === 0) return "Choose a setting that these runs have.";
      return against(known, { title: state.x, of: ({ run }) => values.get(run) as number | string }, name, label);
    }
    case "parallel":
      return parallel(new Map(runs.map((run) => [nameOf(run), run])), points, name, label);
    default:
      return perRun(points, name, label, isBetter);
  }
}

/**
 * Names of runs that are unique among `runs`. The experiment is part of them if there are several, and the digest if
 * the settings are equal otherwise.
 */
function namesOf(runs: readonly ListedRun[]): (run: ListedRun) => string {
  const isOne = new Set(runs.map(({ experiment }) => experiment)).size === 1;
  const full = ({ experiment, name }: ListedRun): string => (isOne ? name : `${experiment}: ${name}`);
  const short = (run: ListedRun): string => full(run).replace(/ \([0-9a-f]{8}\)$/, "");
  const counts = new Map<string, number>();
  for (const run of runs) counts.set(short(run), (counts.get(short(run)) ?? 0) + 1);
  return (run) => (counts.get(short(run)) === 1 ? short(run) : full(run));
}

const mark = { type: "point", filled: true, size: 70, opacity: 1 };
const experimentColour = { field: "experiment", type: "nominal", title: null };
const tooltip = [
  { field: "run", type: "nominal" },
  { field: "value", type: "quantitative", format: ".4f" },
  { field: "low", type: "quantitative", format: ".4f" },
  { field: "high", type: "quantitative", format: ".4f" },
];

type IsBetter = (value: number, other: number) => boolean;

/** The order of values of a metric; undefined if it has no best direction. */
export function betterOf(higherIsBetter: RunList["higherIsBetter"], metric: string): IsBetter | undefined {
  const isHigherBetter = higherIsBetter[metric];
  if (isHigherBetter === null) return undefined;
  return isHigherBetter !== false ? (value, other) => value > other : (value, other) => value < other;
}

function perRun(points: readonly Point[], metric: string, label: string, isBetter: IsBetter | undefined): Chart {
  const ordered = points.toSorted((a, b) => {
    if (isBetter === undefined) return b.value - a.value;
    return isBetter(a.value, b.value) ? -1 : isBetter(b.value, a.value) ? 1 : 0;
  });
  const shown = ordered.slice(0, mostLines);
  const color = { ...experimentColour, legend: null };
  // On a narrow page each setting of a run has a line of its own.
  const mostParts = Math.max(...shown.map(({ run }) => run.split(", ").length));
  const yOf = (isNarrow: boolean) => ({
    ...{ field: "run", type: "nominal", title: null, sort: null },
    ...(isNarrow ? { axis: { labelExpr: "split(datum.label, ', ')" } } : {}),
  });
  const note =
    shown.length < points.length ? `: the ${shown.length} ${isBetter === undefined ? "highest" : "best"}` : "";
  return {
    label: `${label}, with 95 % intervals${note}`,
    spec: (isNarrow) => {
      const y = yOf(isNarrow);
      const x = { type: "quantitative", axis: { tickCount: isNarrow ? 4 : 10 } };
      const scale = { zero: false };
      return {
        height: { step: isNarrow ? 8 + 14 * mostParts : 22 },
        data: { values: shown },
        layer: [
          {
            mark: { type: "rule", strokeWidth: 2 },
            encoding: {
              y,
              x: { ...x, field: "low", title: `${metric}${note}`, scale },
              x2: { field: "high" },
              color,
            },
          },
          { mark, encoding: { y, x: { ...x, field: "value" }, color, tooltip, href: { field: "link" } } },
        ],
      };
    },
  };
}

function overTime(points: readonly Point[], metric: string, label: string, isBetter: IsBetter | undefined): Chart {
  let best = (points[0] as Point).value;
  const values = points.map((point) => {
    if (isBetter?.(point.value, best)) best = point.value;
    return { ...point, best };
  });
  const x = {
    field: "order",
    type: "quantitative",
    title: "runs, oldest first",
    axis: { format: "d", tickMinStep: 1 },
  };
  const y = { type: "quantitative", title: metric, scale: { zero: false } };
  return {
    label: `${label}, oldest first${isBetter === undefined ? "" : `; the best so far is ${decimal(best, 4)}`}`,
    height: 230,
    spec: {
      data: { values },
      layer: [
        ...(isBetter === undefined
          ? []
          : [
              {
                mark: { type: "line", interpolate: "step-after", strokeDash: [5, 3] },
                encoding: { x, y: { ...y, field: "best" } },
              },
            ]),
        {
          mark: { type: "rule" },
          encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: experimentColour },
        },
        {
          mark,
          encoding: { x, y: { ...y, field: "value" }, color: experimentColour, tooltip, href: { field: "link" } },
        },
      ],
    },
  };
}

/** With at most this many values of a setting, the axis marks each of them. */
const mostTicks = 8;

function against(
  points: readonly Point[],
  axis: { readonly title: string; readonly of: (point: Point) => number | string | boolean },
  metric: string,
  label: string,
): Chart {
  const values = points.map((point) => ({ ...point, x: axis.of(point) }));
  const xs = values.map(({ x }) => x);
  const numbers = xs.filter((x) => typeof x === "number");
  const isNumeric = numbers.length === xs.length;
  const distinct = [...new Set(numbers)];
  const x = {
    field: "x",
    title: axis.title,
    type: isNumeric ? "quantitative" : "nominal",
    ...(isNumeric
      ? {
          scale: { zero: false, padding: 12, ...(isWide(numbers) ? { type: "log" } : {}) },
          axis: distinct.length <= mostTicks ? { values: distinct, format: "~g" } : {},
        }
      : { axis: { labelAngle: -30, labelLimit: 120 } }),
  };
  const y = { type: "quantitative", title: metric, scale: { zero: false } };
  return {
    label: `${label} against ${axis.title}`,
    height: 240,
    spec: {
      data: { values },
      layer: [
        {
          mark: { type: "rule" },
          encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: experimentColour },
        },
        {
          mark,
          encoding: { x, y: { ...y, field: "value" }, color: experimentColour, tooltip, href: { field: "link" } },
        },
      ],
    },
  };
}

/** Whether positive numbers spread over more than a factor of 10, so that a logarithmic axis shows them better. */
function isWide(numbers: readonly number[]): boolean {
  const low = Math.min(...numbers);
  return low > 0 && Math.max(...numbers) / low > 10;
}

/** Axes of parallel coordinates in addition to the metric. */
const mostAxes = 8;

function parallel(
  runs: ReadonlyMap<string, ListedRun>,
  points: readonly Point[],
  metric: string,
  label: string,
): Chart | string {
  const shown = points.toSorted((a, b) => b.value - a.value).slice(0, 200);
  const settings = new Set(shown.flatMap(({ run }) => Object.keys(runs.get(run)?.settings ?? {})));
  const valuesOf = (key: string) => shown.map(({ run }) => runs.get(run)?.settings[key] ?? "not set");
  const keys = [...settings]
    .filter((key) => {
      const { size } = new Set(valuesOf(key));
      return size > 1 && size <= 12;
    })
    .slice(0, mostAxes);
  if (keys.length === 0) return "These runs share all settings. Parallel coordinates need settings that differ.";
  const lastPart = (key: string): string => key.slice(key.lastIndexOf(".") + 1);
  const nameOfAxis = (key: string): string =>
    keys.filter((other) => lastPart(other) === lastPart(key)).length > 1 ? key : lastPart(key);
  const axes = [
    ...keys.map((key) => ({ key: nameOfAxis(key), values: valuesOf(key) })),
    { key: metric, values: shown.map(({ value }) => value) },
  ];
  const lines: { run: string; axis: string; at: number; score: number; link: string }[] = [];
  const ticks: { axis: string; at: number; text: string }[] = [];
  for (const { key, values } of axes) {
    const place = placeOn(values);
    for (const [at, { run, value, link }] of shown.entries())
      lines.push({ run, axis: key, at: place(values[at]), score: value, link });
    const distinct = inOrder(values);
    const isNumeric = distinct.every((value) => typeof value === "number");
    // The values of a metric lie so close that their labels would overlap.
    const marked = isNumeric && (key === metric || distinct.length > 6) ? [...new Set(extremes(distinct))] : distinct;
    for (const value of marked) {
      const text = typeof value === "number" ? significant(value, 4) : String(value);
      ticks.push({ axis: key, at: place(value), text });
    }
  }
  const x = {
    ...{ field: "axis", type: "nominal", title: null, sort: null, scale: { type: "point", padding: 0.6 } },
    axis: { labelAngle: -30, labelLimit: 110, grid: true, gridOpacity: 1 },
  };
  const y = { field: "at", type: "quantitative", axis: null, scale: { domain: [-0.05, 1.05] } };
  return {
    label: `${label} with the settings that differ`,
    height: 280,
    spec: {
      data: { values: [] },
      layer: [
        {
          data: { values: lines },
          mark: { type: "line", opacity: 0.75, strokeWidth: 2 },
          encoding: {
            x,
            y,
            detail: { field: "run" },
            // The labels of the legend extend beyond its bar.
            color: { field: "score", type: "quantitative", title: metric, legend: { padding: 18 } },
            tooltip: [{ field: "run" }, { field: "score", format: ".4f" }],
          },
        },
        {
          data: { values: ticks },
          mark: { type: "text", align: "left", dx: 5, fontSize: 11, limit: 110 },
          encoding: { x, y, text: { field: "text" } },
        },
      ],
    },
  };
}

function extremes(values: readonly unknown[]): readonly number[] {
  const numbers = values as readonly number[];
  return [Math.min(...numbers), Math.max(...numbers)];
}

/** Distinct values: numbers by size, before the others by name. */
function inOrder(values: readonly unknown[]): readonly unknown[] {
  const rank = (value: unknown): number => (typeof value === "number" ? value : Number.POSITIVE_INFINITY);
  return [...new Set(values)].sort((a, b) =>
    rank(a) === rank(b) ? String(a).localeCompare(String(b), "en") : rank(a) - rank(b),
  );
}

/** The place of a value on an axis from 0 to 1: by size for numbers, by rank if others occur. */
function placeOn(values: readonly unknown[]): (value: unknown) => number {
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length === values.length) {
    const scaled = (value: number): number => (isWide(numbers) ? Math.log(value) : value);
    const [low, high] = extremes(numbers).map(scaled) as [number, number];
    return (value) => (scaled(value as number) - low) / (high - low || 1);
  }
  const distinct = inOrder(values);
  return (value) => distinct.indexOf(value) / Math.max(1, distinct.length - 1);
}
