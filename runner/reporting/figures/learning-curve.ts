import { type Ablation, type AblationRow, isLearningCurve, trainingSizeKey } from "../../runs/ablation.ts";
import { shortKeys, valueText } from "../report/ablation.ts";
import { metricName } from "../report/display-names.ts";
import { config, schema, width } from "./figure.ts";

/**
 * The metric against the number of training rows: a line for each combination of the other keys. A setting with one run has its
 * interval over cases; one with several has a point for each seed, and the line joins their means.
 */
export function learningCurve(own: Ablation): object | undefined {
  if (!isLearningCurve(own)) return undefined;
  const { keys, settings, metric } = own;
  const others = keys.filter((key) => key !== trainingSizeKey);
  const names = shortKeys(keys);
  const lineOf = ({ values }: AblationRow): string =>
    others.map((key) => `${names[keys.indexOf(key)]} ${valueText(values[key])}`).join(", ");
  const points = settings.flatMap((row) => {
    const rows = trainingRows(row);
    if (rows === undefined || row.value === null) return [];
    return [{ rows, line: lineOf(row), value: row.value, ...(row.runs === 1 ? row.interval : null) }];
  });
  if (new Set(points.map(({ rows }) => rows)).size < 2) return undefined;
  const seeds = settings.flatMap((row) => {
    const rows = trainingRows(row);
    if (rows === undefined || row.runs < 2) return [];
    return (row.scores ?? []).flatMap((value) => (value === null ? [] : [{ rows, line: lineOf(row), value }]));
  });
  const sizes = [...new Set(points.map(({ rows }) => rows))].sort((a, b) => a - b);
  const x = {
    field: "rows",
    type: "quantitative",
    title: "training rows",
    scale: { type: "log", nice: false, padding: 12 },
    axis: { values: sizes, format: ",d" },
  };
  const y = { type: "quantitative", title: metricName(metric), scale: { zero: false } };
  const color = others.length === 0 ? {} : { color: { field: "line", type: "nominal", sort: null, title: null } };
  return {
    $schema: schema,
    config,
    width,
    height: 190,
    layer: [
      {
        data: { values: points },
        mark: { type: "line", strokeWidth: 1.5, point: { filled: true, size: 50 } },
        encoding: { x, y: { ...y, field: "value" }, ...color },
      },
      {
        data: { values: points.filter((point) => "low" in point) },
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, ...color },
      },
      {
        data: { values: seeds },
        mark: { type: "point", size: 22, opacity: 0.7 },
        encoding: { x, y: { ...y, field: "value" }, ...color },
      },
    ],
  };
}

/** The training rows that a setting used; without a data audit, those that it asks for. */
export function trainingRows({ trainingRows: used, values }: AblationRow): number | undefined {
  const asked = values[trainingSizeKey];
  return used ?? (typeof asked === "number" ? asked : undefined);
}
