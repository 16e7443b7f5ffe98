import { parseArm } from "../../pipeline/plan/step-ref.ts";
import { armNamingOf, metricName, primaryArm } from "../report/display-names.ts";
import { resultRuns } from "../report/run-names.ts";
import type { RunFacts } from "../report/study.ts";
import { config, type Figure, schema, width } from "./figure.ts";

/** With more runs than this, the figure shows the primary arm of each run only. */
export const mostRunsWithAllArms = 4;

function axisName(run: RunFacts, arm: string, runs: readonly RunFacts[]): string {
  if (runs.length === 1) return armNamingOf(run)(arm);
  return runs.length > mostRunsWithAllArms ? run.name : `${run.name}, ${armNamingOf(run)(arm)}`;
}

/** The primary metric of all arms with confidence intervals. */
export const intervals: Figure = ({ runs: all }) => {
  const runs = resultRuns(all);
  const metric = (runs.at(-1) as RunFacts).config.evaluate.primary.metric;
  const values = runs.flatMap((run) =>
    Object.entries(run.comparison?.arms ?? {})
      .filter(([arm]) => runs.length <= mostRunsWithAllArms || arm === primaryArm(run))
      .filter(([, metrics]) => typeof metrics[metric]?.value === "number")
      .map(([arm, metrics]) => ({
        name: axisName(run, arm, runs),
        arm: parseArm(arm).arm,
        ...metrics[metric],
      })),
  );
  if (values.length === 0) return undefined;
  const y = { field: "name", type: "nominal", title: null, sort: null, axis: { labelLimit: 320 } };
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
          x: { field: "low", type: "quantitative", title: metricName(metric), scale: { domain: [0, 1] } },
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
