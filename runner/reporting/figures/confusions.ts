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
  const encoding = {
    x: { field: "added", type: "nominal", title: "added", sort: null, axis: { labelAngle: -50, labelLimit: 150 } },
    y: { field: "omitted", type: "nominal", title: "omitted", sort: null, axis: { labelLimit: 200 } },
  };
  return {
    $schema: schema,
    width: { step: 22 },
    height: { step: 15 },
    config,
    data: { values },
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
        transform: [{ filter: "datum.count > 0" }],
        mark: { type: "text", fontSize: 9 },
        encoding: { ...encoding, text: { field: "count" } },
      },
    ],
  };
};
