import { plannedTests } from "../../evaluation/statistics/family.ts";
import type { Gain } from "../../evaluation/statistics/interaction.ts";
import type { NonInferiority } from "../../evaluation/statistics/non-inferiority.ts";
import type { RunComparison } from "../../runs/compare.ts";
import {
  gigabytes,
  integer,
  missing,
  plural,
  pValue,
  reportDuration,
  score,
  signed,
  signedBounds,
  signedInterval,
  withInterval,
} from "../../util/format.ts";

/** What a comparison shows about a margin of non-inferiority, a line for each candidate. */
export function nonInferiorityTexts(
  { reference, metric, margin, tests }: NonInferiority,
  naming: Naming,
): readonly string[] {
  const verdicts = {
    "non-inferior": "non-inferior (the interval excludes a loss of the margin)",
    inferior: "inferior (the loss exceeds the margin)",
    inconclusive: "inconclusive (neither non-inferiority nor a loss of more than the margin is shown)",
  };
  return [
    ...tests.map(
      ({ candidate, verdict, ...found }) =>
        `${naming.arm(candidate)} − ${naming.arm(reference)}: ${naming.metric(metric)} ${signedInterval(found)}, margin ${margin}: ${verdicts[verdict]}.`,
    ),
    `Non-inferiority is a one-sided test at 2.5 %. The margin must be set before the results are known.${tests.length > 1 ? ` The ${integer(tests.length)} tests are not corrected for their number.` : ""}`,
  ];
}

/** A gain as the difference of two arms: "(Qwen3-8B, LoRA − Qwen3-8B, zero-shot)". */
export const gainText = ({ from, to }: Gain, arm: Naming["arm"]): string => `(${arm(to)} − ${arm(from)})`;

/** Head, alignment and cells of a table. */
export type TextTable = {
  readonly head: readonly string[];
  readonly align: readonly ("left" | "right")[];
  readonly rows: readonly (readonly string[])[];
};

/** Names of arms and metrics: display names in reports, keys on the terminal. */
export type Naming = { readonly arm: (arm: string) => string; readonly metric: (metric: string) => string };

/** Scores of all arms, paired differences and cost of a comparison, for the dashboard and the terminal. */
export function comparisonTables(
  comparison: RunComparison,
  naming: Naming,
): { readonly scores: TextTable; readonly differences: TextTable; readonly cost: TextTable } {
  const { arms, pairs, family, primary, runs } = comparison;
  const metrics = Object.keys(Object.values(arms)[0] ?? {});
  const isOverSeeds = pairs.some(({ metrics: found }) => typeof found[primary]?.p_student === "number");
  const adjusted = new Map(plannedTests(family).map(({ a, b, adjusted: p }) => [pairKey(a, b), p]));
  return {
    scores: table(
      ["arm", ...metrics.map(naming.metric)],
      Object.entries(arms).map(([arm, values]) => [
        naming.arm(arm),
        ...metrics.map((metric) => {
          const sd = values[metric]?.sd ?? undefined;
          return `${withInterval(values[metric])}${sd === undefined ? "" : ` (SD ${score(sd)})`}`;
        }),
      ]),
    ),
    differences: table(
      [
        "pair",
        "difference",
        "95 % CI",
        "detectable",
        "p (bootstrap)",
        "p (randomisation)",
        ...(isOverSeeds ? ["p (t)"] : []),
        "p (Holm)",
        "exact matches",
        `p (${exactTestName(comparison)})`,
      ],
      pairs.map(({ a, b, metrics: found, exact_match }) => {
        const one = found[primary];
        return [
          `${naming.arm(a)} − ${naming.arm(b)}`,
          one === undefined ? missing : signed(one.difference),
          one === undefined ? missing : signedBounds(one),
          score(one?.detectable),
          pValue(one?.p_bootstrap),
          pValue(one?.p_randomisation),
          ...(isOverSeeds ? [pValue(one?.p_student)] : []),
          pValue(adjusted.get(pairKey(a, b))),
          exact_match === null ? missing : `${integer(exact_match.only_a)} / ${integer(exact_match.only_b)}`,
          pValue(exact_match?.p),
        ];
      }),
    ),
    cost: table(
      ["run", "time", "peak memory", "trained tokens", "prompt tokens", "generated tokens"],
      runs.map(({ experiment, run, cost: { seconds, peak_memory, tokens } }) => [
        `${experiment}/${run}`,
        reportDuration(seconds),
        gigabytes(peak_memory),
        ...[tokens.trained, tokens.prompted, tokens.generated].map(integer),
      ]),
    ),
  };
}

const pairKey = (a: string, b: string): string => [a, b].sort().join("\n");

function table(head: readonly string[], rows: TextTable["rows"]): TextTable {
  return { head, rows, align: head.map((_, at) => (at === 0 ? "left" : "right")) };
}

/** The test of the numbers of correct cases, as a column head names it. */
export const exactTestName = ({ case_groups }: Pick<RunComparison, "case_groups">): string =>
  case_groups === undefined ? "McNemar" : "groups";

/** That test as a caption names it. */
export const exactTestText = ({ case_groups }: Pick<RunComparison, "case_groups">): string =>
  case_groups === undefined ? "McNemar's test" : "exact test that swaps whole groups of cases";

/** The number of cases, with that of the groups that are resampled in their place. */
export const casesText = (n: number, groups: number | undefined): string =>
  `${plural(n, "case")}${groups === undefined ? "" : ` in ${plural(groups, "group")}, resampled by group`}`;

/** Cases, view and label space of a comparison as a sentence. */
export const comparisonScope = ({ n, view, labels, case_groups }: RunComparison): string =>
  `${casesText(n, case_groups)}, ${view} view${labels === 0 ? "" : `, ${plural(labels, "label")} in the shared label space`}; 95 % confidence intervals over cases.`;

/** What the column of detectable differences shows. */
export const detectableNote =
  "Detectable: the smallest true difference that a test at 5 % would find in 80 % of studies with these cases.";

/** How the columns of the table of differences are computed. */
export const differencesNote = ({ family, primary, ...compared }: RunComparison, naming: Naming): string =>
  `Differences in ${naming.metric(primary)} are paired, and tests are two-sided. Exact matches: cases that only the first arm / only the ` +
  `second arm answers exactly right (${exactTestText(compared)}). ${detectableNote} p (Holm) is adjusted over the ${plural(plannedTests(family).length, "planned test")}: ${naming.arm(family.subject)} against the other arms${family.contrasts === undefined ? "" : ", the gain of each other model, and the same arm of two models"}.`;

/** The recorded evaluations of the test cases as a sentence; empty if no test rows are scored. */
export const testEvaluationsText = (count: number | null): string =>
  count === null ? "" : `Recorded evaluations of the test cases: ${integer(count)}.`;
