import { metricName, primaryArm } from "../report/display-names.ts";
import type { RunFacts } from "../report/study.ts";
import { colourScale, config, type Figure, schema, width } from "./figure.ts";

/** Primary metric against the time of all steps, one point per run. */
export const costQuality: Figure = ({ runs }) => {
  const values = runs.flatMap((run) => {
    const { metric } = run.config.evaluate.primary;
    const measured = run.comparison?.arms[primaryArm(run)]?.[metric];
    return measured === undefined || measured.value === null
      ? []
      : [{ run: run.name, seconds: run.cost.seconds, ...measured }];
  });
  if (values.length < 2) return undefined;
  const { unit, seconds } = unitOf(Math.max(...values.map((value) => value.seconds)));
  const x = { field: "time", type: "quantitative", title: `time of all steps (${unit})` };
  const legend = { orient: "bottom", columns: 2, labelLimit: width / 2 };
  const color = { field: "run", type: "nominal", title: null, sort: null, legend, scale: colourScale(values.length) };
  return {
    $schema: schema,
    width,
    height: 180,
    config,
    data: { values: values.map(({ seconds: taken, ...value }) => ({ ...value, time: taken / seconds })) },
    layer: [
      {
        mark: "rule",
        encoding: {
          x,
          y: {
            field: "low",
            type: "quantitative",
            title: metricName((runs.at(-1) as RunFacts).config.evaluate.primary.metric),
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

/** The unit for times up to a maximum. */
function unitOf(seconds: number): { readonly unit: string; readonly seconds: number } {
  if (seconds < 180) return { unit: "seconds", seconds: 1 };
  return seconds < 10_800 ? { unit: "minutes", seconds: 60 } : { unit: "hours", seconds: 3600 };
}
