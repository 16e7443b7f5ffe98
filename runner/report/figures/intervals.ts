import type { RunFacts } from "../study.ts";
import { armWord, metricWord, runWord, subject } from "../words.ts";
import { config, type Figure, schema, width } from "./figure.ts";

/** Runs whose arms are all drawn; of more, each shows the arm that it is about. */
const mostWhole = 4;

/** A run as an axis names it: what all runs share is left out, and of a setting's key all but its last word where that is enough. */
function shortName(run: RunFacts, runs: readonly RunFacts[]): string {
  if (run.coordinates === "" || runs.some(({ experiment }) => experiment !== run.experiment)) return runWord(run);
  const settings = run.coordinates.split(",");
  const short = settings.map((setting) => setting.replace(/^[^=]*\.(?=[^=.]+=)/, ""));
  const words = short.map((setting) => setting.split("=")[0]);
  return (new Set(words).size === words.length ? short : settings).join(", ");
}

function axisName(run: RunFacts, arm: string, runs: readonly RunFacts[]): string {
  if (runs.length === 1) return armWord(arm);
  return runs.length > mostWhole ? shortName(run, runs) : `${shortName(run, runs)}, ${armWord(arm)}`;
}

/** The primary metric of every arm with its interval. */
export const intervals: Figure = ({ runs }) => {
  const metric = (runs.at(-1) as RunFacts).config.evaluate.primary.metric;
  const values = runs.flatMap((run) =>
    Object.entries(run.comparison?.arms ?? {})
      .filter(([arm]) => runs.length <= mostWhole || arm === subject(run))
      .map(([arm, metrics]) => ({
        name: axisName(run, arm, runs),
        arm: armWord(arm.slice(arm.lastIndexOf(".") + 1)),
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
