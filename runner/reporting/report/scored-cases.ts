import { plural } from "../../util/format.ts";
import type { RunFacts } from "./study.ts";

/** The number of cases on which a run is scored; undefined if no file of the run states it. */
export const scoredCases = ({ comparison, audit, config }: RunFacts): number | undefined =>
  comparison?.n ?? audit?.splits[config.evaluate.split]?.rows;

/** The scored cases of a run: "236 cases of the test split". */
export function scoredCasesText(run: RunFacts): string {
  const { split } = run.config.evaluate;
  const cases = scoredCases(run);
  return cases === undefined ? `the ${split} split` : `the ${plural(cases, "case")} of the ${split} split`;
}

/** The number of scored cases in a caption: " (n = 236 cases)"; empty if it is unknown. */
export function sizeText(run: RunFacts): string {
  const cases = scoredCases(run);
  return cases === undefined ? "" : ` (n = ${plural(cases, "case")})`;
}

/** The view and the number of scored cases in a caption: "(canonical view, n = 236 cases)". */
export function viewText(run: RunFacts, view: string): string {
  const cases = scoredCases(run);
  return `(${view} view${cases === undefined ? "" : `, n = ${plural(cases, "case")}`})`;
}
