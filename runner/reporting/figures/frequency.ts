import { armNamingOf, primaryArm } from "../report/display-names.ts";
import type { RunFacts } from "../report/study.ts";
import { config, type Figure, schema, width } from "./figure.ts";

/** F1 per label against the number of training rows with the label. */
export const frequency: Figure = ({ runs }) => {
  const run = runs.at(-1) as RunFacts;
  const armName = armNamingOf(run);
  const values = run.arms
    .filter(({ name }) => name === primaryArm(run) || name === run.analysis?.baseline)
    .flatMap(({ name, labels }) => {
      const trained = run.analysis?.arms[name]?.trained ?? [];
      const counts = new Map(trained.map(({ label, count }) => [label, count]));
      return labels
        .filter(({ support }) => counts.size > 0 && support > 0)
        .map(({ label, support, f1 }) => ({ arm: armName(name), rows: (counts.get(label) ?? 0) + 1, support, f1 }));
    });
  if (values.length === 0) return undefined;
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
        title: "training rows with the label + 1",
      },
      y: { field: "f1", type: "quantitative", title: "F1", scale: { domain: [0, 1] } },
      size: {
        field: "support",
        type: "quantitative",
        title: "evaluated cases",
        legend: { format: "d", values: ticks(values.map(({ support }) => support)) },
      },
      color: { field: "arm", type: "nominal", title: null },
      shape: { field: "arm", type: "nominal", title: null },
    },
  };
};

/** Up to four round numbers not above the maximum, for the legend of counts. */
function ticks(counts: readonly number[]): readonly number[] {
  const most = Math.max(...counts);
  return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].filter((count) => count <= most).slice(-4);
}
