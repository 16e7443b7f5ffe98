import type { RunFacts } from "../study.ts";
import { metricWord, runWord, subject } from "../words.ts";
import { config, type Figure, schema, width } from "./figure.ts";

/** Quality against what it cost. */
export const costQuality: Figure = ({ runs }) => {
  if (runs.length < 2) return undefined;
  const values = runs.flatMap((run) => {
    const { metric } = run.config.evaluate.primary;
    const measured = run.comparison?.arms[subject(run)]?.[metric];
    return measured === undefined ? [] : [{ run: runWord(run), minutes: run.cost.seconds / 60, ...measured }];
  });
  if (values.length === 0) return undefined;
  const x = { field: "minutes", type: "quantitative", title: "minutes of all steps" };
  const color = { field: "run", type: "nominal", title: null };
  return {
    $schema: schema,
    width,
    height: 180,
    config,
    data: { values },
    layer: [
      {
        mark: "rule",
        encoding: {
          x,
          y: {
            field: "low",
            type: "quantitative",
            title: metricWord((runs.at(-1) as RunFacts).config.evaluate.primary.metric),
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
