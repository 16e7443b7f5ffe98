import { plannedTests } from "../../evaluation/statistics/family.ts";
import { differenceOf } from "../report/arm-differences.ts";
import { gainText } from "../report/comparison-tables.ts";
import { armNamingOf, metricName } from "../report/display-names.ts";
import { resultRuns } from "../report/run-names.ts";
import { config, type Figure, schema } from "./figure.ts";

/** A forest plot: all planned differences of the last run with planned contrasts, and the differences of gains. */
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
        : [{ name: `${armName(a)} − ${armName(b)}`, kind: "planned difference", ...found }];
    }),
    ...(comparison.interactions ?? []).map(({ a, b, ...found }) => ({
      name: [gainText(a, armName), `− ${gainText(b, armName)}`],
      kind: "difference of gains",
      ...found,
    })),
  ].map(({ name, kind, difference, low, high }) => ({
    name: Array.isArray(name) ? name.join("\n") : name,
    ...{ kind, difference, low: low ?? difference, high: high ?? difference },
  }));
  const y = {
    field: "name",
    type: "nominal",
    title: null,
    sort: null,
    axis: { labelLimit: 320, labelExpr: "split(datum.label, '\\n')" },
  };
  const color = { field: "kind", type: "nominal", title: null, legend: { orient: "bottom" } };
  return {
    $schema: schema,
    width: 260,
    height: { step: 26 },
    config,
    data: { values },
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
  };
};
