import { largest } from "../../util/extremes.ts";
import { armNamingOf, primaryArm, trainedArms } from "../report/display-names.ts";
import type { RunFacts } from "../report/study.ts";
import { config, type Figure, schema } from "./figure.ts";

/** Panels of the figure: trained models, and the classical baseline. */
const mostModels = 3;

/**
 * F1 per label against the number of training rows with the label, a panel for each trained model and for the classical
 * baseline.
 */
export const frequency: Figure = ({ runs }) => {
  const run = runs.at(-1) as RunFacts;
  const armName = armNamingOf(run);
  const models = [...new Set([primaryArm(run), ...trainedArms(run).map(({ arm }) => arm)])].slice(0, mostModels);
  const shown = [...models, run.analysis?.baseline].flatMap((arm) => run.arms.filter(({ name }) => name === arm));
  const values = shown.flatMap(({ name, labels }) => {
    const trained = run.analysis?.arms[name]?.trained ?? [];
    const counts = new Map(trained.map(({ label, count }) => [label, count]));
    return labels
      .filter(({ support }) => counts.size > 0 && support > 0)
      .map(({ label, support, f1 }) => ({ arm: armName(name), rows: (counts.get(label) ?? 0) + 1, support, f1 }));
  });
  if (values.length === 0) return undefined;
  const panels = [...new Set(values.map(({ arm }) => arm))];
  return {
    $schema: schema,
    config,
    data: { values },
    columns: panels.length > 3 ? 2 : 3,
    facet: { field: "arm", type: "nominal", title: null, sort: panels },
    spec: {
      width: panels.length === 1 ? 440 : panels.length === 3 ? 128 : 195,
      height: 150,
      mark: { type: "point", opacity: 0.75 },
      encoding: {
        x: {
          field: "rows",
          type: "quantitative",
          // Panels with the same domains: Vega-Lite warns if it has to join them.
          scale: { type: "log", domain: [1, largest(values.map(({ rows }) => rows))] },
          axis: {
            values: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000],
            format: ",d",
            labelOverlap: "greedy",
          },
          title: "training rows with the label + 1",
        },
        y: { field: "f1", type: "quantitative", title: "F1", scale: { domain: [0, 1] } },
        size: {
          field: "support",
          type: "quantitative",
          title: "evaluated cases",
          scale: { domain: [0, largest(values.map(({ support }) => support))] },
          legend: { format: "d", orient: "bottom", values: ticks(values.map(({ support }) => support)) },
        },
      },
    },
  };
};

/** Up to four round numbers not above the maximum, for the legend of counts. */
function ticks(counts: readonly number[]): readonly number[] {
  const most = largest(counts);
  return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].filter((count) => count <= most).slice(-4);
}
