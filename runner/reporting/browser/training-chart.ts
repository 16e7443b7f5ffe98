import type { CurvePoint } from "../../runs/live-run.ts";
import { decimal, significant } from "../../util/format.ts";
import type { Chart } from "./chart-view.ts";

/** A quantity of one training by step or epoch, on the training and on the validation rows. */
export type Curve = {
  readonly name: string;
  readonly training: readonly CurvePoint[];
  readonly validation: readonly CurvePoint[];
};

/** Titles of the axes. */
type Titles = { readonly x: string; readonly y: string };

type Split = "training" | "validation";

/** Lines of one or more trainings. Colours distinguish the splits of one training, and otherwise the trainings. */
export function trainingChart(curves: readonly Curve[], titles: Titles): Chart {
  const values = curves.flatMap(({ name, training, validation }) => [
    ...rowsOf(name, "training", training),
    ...rowsOf(name, "validation", validation),
  ]);
  const splits = (["training", "validation"] as const).filter((split) => values.some((row) => row.split === split));
  const isOne = curves.length === 1;
  const color = isOne
    ? { field: "split", type: "nominal", title: null, scale: { domain: splits } }
    : { field: "run", type: "nominal", title: null, sort: null };
  // Dashes distinguish the splits without colour.
  const strokeDash = {
    field: "split",
    type: "nominal",
    title: null,
    scale: { domain: splits, range: splits.map((split) => (split === "training" ? [1, 0] : [6, 3])) },
    ...(isOne ? {} : { legend: splits.length > 1 ? { symbolType: "stroke" } : null }),
  };
  const x = {
    field: "x",
    type: "quantitative",
    title: titles.x,
    scale: { nice: false },
    axis: { tickCount: 8, tickMinStep: titles.x === "epoch" ? 0.1 : 1 },
  };
  const y = { field: "y", type: "quantitative", title: titles.y, scale: { zero: false }, axis: { tickCount: 6 } };
  const tooltip = [
    ...(isOne ? [] : [{ field: "run", type: "nominal" }]),
    { field: "split", type: "nominal" },
    { field: "x", type: "quantitative", title: titles.x, format: ".4~g" },
    { field: "y", type: "quantitative", title: titles.y, format: ".4f" },
  ];
  // A line of one point is invisible, and validations are few.
  const hasMark = (row: Row): boolean =>
    row.split === "validation" || (curves.find(({ name }) => name === row.run)?.training.length ?? 0) < 2;
  const title = `${titles.y} by ${titles.x}`;
  return {
    ...(isOne ? {} : { caption: `${title} of ${curves.length} trainings` }),
    label: [title, ...(curves.length <= mostDescribed ? curves.map(lastValues) : [])].join("; "),
    height: 200,
    spec: {
      data: { values: values.map((row) => ({ ...row, size: hasMark(row) ? 45 : 0 })) },
      layer: [
        {
          mark: { type: "line", strokeWidth: 2 },
          encoding: { x, y, color, strokeDash, detail: [{ field: "run" }, { field: "split" }] },
        },
        {
          mark: { type: "point", filled: true, opacity: 1 },
          encoding: { x, y, color, size: { field: "size", type: "quantitative", scale: null, legend: null } },
        },
        // Invisible marks give each point a tooltip.
        { mark: { type: "point", opacity: 0, size: 150 }, encoding: { x, y, tooltip } },
      ],
    },
  };
}

type Row = { readonly run: string; readonly split: Split; readonly x: number; readonly y: number };

const rowsOf = (run: string, split: Split, points: readonly CurvePoint[]): readonly Row[] =>
  points.map(([x, y]) => ({ run, split, x, y }));

/** With more trainings than this, the description of a chart has no values. */
const mostDescribed = 4;

/** "study: training 0.4321 and validation 0.5123 at the end" */
function lastValues({ name, training, validation }: Curve): string {
  const parts = [["training", training] as const, ["validation", validation] as const].flatMap(([split, points]) => {
    const last = points.at(-1);
    return last === undefined ? [] : [`${split} ${decimal(last[1], 4)} at ${significant(last[0], 4)}`];
  });
  return `${name}: ${parts.join(", ")}`;
}
