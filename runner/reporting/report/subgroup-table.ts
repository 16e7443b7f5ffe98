import type { Subgroups } from "../../evaluation/error-analysis/subgroups.ts";
import { integer, plural, withInterval } from "../../util/format.ts";
import type { Naming, TextTable } from "./comparison-tables.ts";

/** Scores of some arms on subgroups, a row for each value of a column. */
export function subgroupTable({ groups, fewest }: Subgroups, arms: readonly string[], naming: Naming): TextTable {
  return {
    head: ["column", "value", "cases", ...arms.map(naming.arm)],
    align: ["left", "left", "right", ...arms.map(() => "right" as const)],
    rows: groups.map(({ column, value, cases, arms: own }, at) => [
      column === groups[at - 1]?.column ? "" : column,
      value,
      integer(cases),
      ...arms.map((arm) => {
        const found = own[arm];
        return found === undefined
          ? `fewer than ${fewest} cases`
          : withInterval({ value: found.score, low: found.low, high: found.high });
      }),
    ]),
  };
}

/** What many intervals allow to conclude. */
export const subgroupNote = ({ intervals }: Subgroups): string =>
  `The ${plural(intervals, "interval")} of subgroups (95 %) are not corrected for their number: of 20 such intervals, one is expected to miss the true value. ` +
  "Subgroups that differ are a hypothesis for new cases and no result.";
