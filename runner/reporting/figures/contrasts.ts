import { plannedTests } from "../../evaluation/statistics/family.ts";
import { classicalBaselines } from "../../plugins/classical-baselines.ts";
import { differenceOf } from "../report/arm-differences.ts";
import { gainText } from "../report/comparison-tables.ts";
import { armNamingOf, metricName } from "../report/display-names.ts";
import { resultRuns } from "../report/run-names.ts";
import { config, type Figure, schema } from "./figure.ts";

/**
 * A forest plot: all planned differences of the last run with planned contrasts, and the differences of gains.
 * Differences from classical baselines are usually much larger, so that they have a panel and a scale of their own.
 */
export const contrasts: Figure = ({ runs }) => {
  const run = resultRuns(runs).findLast(({ comparison }) => comparison?.family.contrasts !== undefined);
  if (run?.comparison === undefined) return undefined;
  const { comparison } = run;
  const { metric } = comparison.family;
  const armName = armNamingOf(run);
  const values = [
    ...plannedTests(comparison.family).flatMap(({ a, b }) => {
      const found = differenceOf(comparison, a, b, metric);
      return found === undefined
        ? []
        : [{ name: `${armName(a)} − ${armName(b)}`, kind: "planned difference", panel: panelOf(a, b), ...found }];
    }),
    ...(comparison.interactions ?? []).map(({ a, b, ...found }) => ({
      name: [gainText(a, armName), `− ${gainText(b, armName)}`],
      kind: "difference of gains",
      panel: panels[0],
      ...found,
    })),
  ].map(({ name, kind, panel, difference, low, high }) => ({
    name: Array.isArray(name) ? name.join("\n") : name,
    ...{ kind, panel, difference, low: low ?? difference, high: high ?? difference },
  }));
  const y = {
    field: "name",
    type: "nominal",
    title: null,
    sort: null,
    axis: { labelLimit: 320, labelExpr: "split(datum.label, '\\n')" },
  };
  const color = { field: "kind", type: "nominal", title: null, legend: { orient: "bottom" } };
  const used = panels.filter((name) => values.some(({ panel }) => panel === name));
  return {
    $schema: schema,
    config,
    data: { values },
    // Not a facet: Vega-Lite warns if the layers of a panel have a scale of their own.
    vconcat: used.map((panel) => ({
      ...(used.length > 1 ? { title: { text: panel, fontSize: 11, fontWeight: "normal", anchor: "middle" } } : {}),
      transform: [{ filter: { field: "panel", equal: panel } }],
      width: 260,
      height: { step: 26 },
      layer: [
        { mark: { type: "rule", color: "#888" }, encoding: { x: { datum: 0 } } },
        {
          mark: { type: "rule", strokeWidth: 1.5 },
          encoding: {
            y,
            x: { field: "low", type: "quantitative", title: `difference in ${metricName(metric)}` },
            x2: { field: "high" },
            color,
          },
        },
        {
          mark: { type: "point", filled: true, size: 55, opacity: 1 },
          encoding: { y, x: { field: "difference", type: "quantitative" }, color },
        },
      ],
    })),
  };
};

const panels = ["between models and prompts", "from baselines without a language model"] as const;

const panelOf = (...arms: readonly string[]): string => panels[arms.some((arm) => arm in classicalBaselines) ? 1 : 0];
