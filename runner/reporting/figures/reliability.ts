import { primaryArm } from "../report/display-names.ts";
import { config, type Figure, schema } from "./figure.ts";

/** Accuracy by confidence, with the diagonal of perfect calibration. */
export const reliability: Figure = ({ runs }) => {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  const bins = run?.analysis?.arms[primaryArm(run)]?.calibration?.per_token.bins.filter(({ cases }) => cases > 0) ?? [];
  if (bins.length === 0) return undefined;
  const unit = { type: "quantitative", scale: { domain: [0, 1] } };
  return {
    $schema: schema,
    width: 220,
    height: 180,
    config,
    layer: [
      {
        data: { values: [{ at: 0 }, { at: 1 }] },
        mark: { type: "line", strokeDash: [4, 4], color: "#888" },
        encoding: { x: { field: "at", ...unit }, y: { field: "at", ...unit } },
      },
      {
        data: { values: bins },
        mark: { type: "point", filled: true, opacity: 1 },
        encoding: {
          x: { field: "confidence", ...unit, title: "confidence" },
          y: { field: "accuracy", ...unit, title: "proportion exactly right" },
          size: { field: "cases", type: "quantitative", title: "cases" },
        },
      },
    ],
  };
};
