import { primaryArm } from "../report/display-names.ts";
import { config, type Figure, schema } from "./figure.ts";

/** Omitted labels against added labels of the same case. */
export const confusions: Figure = ({ runs }) => {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  const found = run?.analysis?.arms[primaryArm(run)]?.confusions;
  if (found === undefined || found.pairs.length === 0) return undefined;
  const values = found.omitted.flatMap((omitted, row) =>
    found.added.flatMap((added, column) => {
      const count = found.counts[row]?.[column] ?? 0;
      return count === 0 ? [] : [{ omitted, added, count }];
    }),
  );
  // Cells without cases are not drawn, so that the background of a dark page shows. Labels without a cell are left out.
  const domainOf = (field: "omitted" | "added"): readonly string[] =>
    found[field].filter((label) => values.some((value) => value[field] === label));
  const encoding = {
    x: {
      ...{ field: "added", type: "nominal", title: "added", axis: { labelAngle: -50, labelLimit: 150 } },
      scale: { domain: domainOf("added") },
    },
    y: {
      ...{ field: "omitted", type: "nominal", title: "omitted", axis: { labelLimit: 200 } },
      scale: { domain: domainOf("omitted") },
    },
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
        mark: { type: "text", fontSize: 9 },
        encoding: { ...encoding, text: { field: "count" } },
      },
    ],
  };
};
