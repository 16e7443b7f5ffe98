import { primaryArm } from "../report/display-names.ts";
import { config, type Figure, schema } from "./figure.ts";

/** Omitted labels against added labels of the same case. */
export const confusions: Figure = ({ runs }) => {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  const found = run?.analysis?.arms[primaryArm(run)]?.confusions;
  if (found === undefined || found.pairs.length === 0) return undefined;
  const values = found.omitted.flatMap((omitted, row) =>
    found.added.map((added, column) => ({ omitted, added, count: found.counts[row]?.[column] ?? 0 })),
  );
  // Cells without cases are not drawn, so that the background of a dark page shows; the scales keep their labels.
  const encoding = {
    x: {
      ...{ field: "added", type: "nominal", title: "added", axis: { labelAngle: -50, labelLimit: 150 } },
      scale: { domain: found.added },
    },
    y: {
      ...{ field: "omitted", type: "nominal", title: "omitted", axis: { labelLimit: 200 } },
      scale: { domain: found.omitted },
    },
  };
  return {
    $schema: schema,
    width: { step: 22 },
    height: { step: 15 },
    config,
    data: { values },
    transform: [{ filter: "datum.count > 0" }],
    layer: [
      {
        mark: "rect",
        encoding: {
          ...encoding,
          color: {
            field: "count",
            type: "quantitative",
            title: null,
            legend: null,
            scale: { domainMin: 0, range: ["#ffffff", "#56B4E9"], interpolate: "rgb" },
          },
        },
      },
      {
        mark: { type: "text", fontSize: 9 },
        encoding: { ...encoding, text: { field: "count" } },
      },
    ],
  };
};
