import type { CoverageRisk } from "../../evaluation/error-analysis/calibration.ts";
import { integer, percent, score, withInterval } from "../../util/format.ts";
import type { TextTable } from "./comparison-tables.ts";

/** Risk by coverage, a row for each tenth of the answers. */
export const coverageTable = ({ points }: CoverageRisk): TextTable => ({
  head: ["confidence from", "answers", "coverage", "risk"],
  align: ["right", "right", "right", "right"],
  rows: points.map(({ coverage, cases, threshold, risk, low, high }) => [
    score(threshold),
    integer(cases),
    percent(coverage, 0),
    withInterval({ value: risk, low, high }),
  ]),
});
