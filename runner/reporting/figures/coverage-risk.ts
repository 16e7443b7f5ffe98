import { primaryArm } from "../report/display-names.ts";
import { config, type Figure, schema } from "./figure.ts";

/** The proportion of wrong answers among those above a confidence, against the proportion of answers above it. */
export const coverageRisk: Figure = ({ runs }) => {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  const found = run?.analysis?.arms[primaryArm(run)]?.calibration;
  const points = found?.per_token.coverage_risk.points ?? [];
  if (!found || points.length < 2) return undefined;
  const x = {
    field: "coverage",
    type: "quantitative",
    title: "coverage (proportion of answers kept)",
    scale: { domain: [0, 1] },
  };
  const y = { type: "quantitative", title: "risk (proportion wrong)", scale: { domain: [0, 1] } };
  return {
    $schema: schema,
    width: 300,
    height: 180,
    config,
    data: { values: points },
    layer: [
      { mark: { type: "area", opacity: 0.2 }, encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" } } },
      { mark: { type: "line", point: true }, encoding: { x, y: { ...y, field: "risk" } } },
      {
        mark: { type: "rule", strokeDash: [4, 4], color: "#888" },
        encoding: { y: { ...y, datum: 1 - found.accuracy } },
      },
    ],
  };
};
