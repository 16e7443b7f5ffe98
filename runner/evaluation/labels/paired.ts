import type { Synonyms, View } from "../../data/labels/views.ts";
import type { Metric, ScoredCases } from "../../plugins/metrics/metric.ts";
import type { Draws } from "../statistics/bootstrap.ts";
import { compareAnswers } from "../statistics/comparison.ts";
import { holm } from "../statistics/holm.ts";
import type { McNemar } from "../statistics/mcnemar.ts";
import type { Difference } from "../statistics/pair.ts";
import type { Measured } from "../statistics/side.ts";
import type { FileCase } from "./predictions.ts";
import { labelScorer } from "./score.ts";
import type { LabelCase, Scoring } from "./table.ts";

/** The predictions of a file. */
export type PredictionFile = { readonly path: string; readonly cases: readonly FileCase[] };

/** One metric of two prediction files, and the test of their difference. */
export type PairedMetric = Difference & {
  readonly a: Measured;
  readonly b: Measured;
  readonly test: "exact McNemar" | "exact randomisation of groups" | "approximate randomisation";
  readonly p: number;
  /** p by Holm's method over all metrics of the comparison. */
  readonly adjusted: number;
};

/** Two prediction files on the same cases. */
export type Paired = {
  readonly n: number;
  /** Number of groups that were resampled and swapped in place of cases; absent if cases are independent. */
  readonly case_groups?: number;
  readonly view: View;
  readonly files: readonly [a: string, b: string];
  readonly bootstrap: Draws;
  readonly correction: "holm";
  /** Metrics that have no value for these cases, with the reason. */
  readonly absent: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, PairedMetric>>;
  readonly exact_match: McNemar;
};

/** Compares two prediction files, metric by metric, on the same cases. Throws UserError `cases-differ`. */
export async function comparePaired(
  [a, b]: readonly [PredictionFile, PredictionFile],
  {
    view,
    synonyms,
    scoring,
    scorer,
    metrics,
    bootstrap,
  }: {
    readonly view: View;
    readonly synonyms: Synonyms | undefined;
    readonly scoring?: Scoring | undefined;
    /** Scores the parts of each case for a task without labels. */
    readonly scorer?: ((cases: readonly LabelCase[]) => ScoredCases) | undefined;
    readonly metrics: readonly Metric[];
    readonly bootstrap: Draws;
  },
): Promise<Paired> {
  // One space for both files: gold and the predictions of both.
  const space = [...new Set([a, b].flatMap(({ cases }) => cases.flatMap(({ gold, pred }) => [...gold, ...pred])))];
  const names = [a.path, a.path === b.path ? `${b.path} (again)` : b.path] as const;
  const compared = await compareAnswers(
    [a, b].map(({ cases }, at) => ({
      name: names[at] as string,
      // The order of gold labels has no meaning.
      seeds: [
        cases.map(({ id, gold, pred, parsed, group }) => ({
          id,
          gold: gold.toSorted(),
          prediction: pred,
          parsed,
          group,
        })),
      ],
    })),
    {
      view,
      scorer: (cases) =>
        scorer?.(cases as readonly LabelCase[]) ??
        labelScorer(cases as readonly LabelCase[], synonyms, scoring)(view, space),
      subject: names[0],
      metrics,
      primary: metrics[0]?.name as string,
      bootstrap,
    },
  );
  const { pairs, arms, n, case_groups } = compared;
  const [pair] = pairs as [(typeof pairs)[number]];
  const exact = pair.exact_match as McNemar;
  const tested = metrics.flatMap(({ name, isShareCorrect }) => {
    const difference = pair.metrics[name];
    if (difference === undefined) return [];
    const test =
      isShareCorrect === true
        ? ({ test: case_groups === undefined ? "exact McNemar" : "exact randomisation of groups", p: exact.p } as const)
        : ({ test: "approximate randomisation", p: difference.p_randomisation as number } as const);
    return [{ name, difference, ...test }];
  });
  const adjusted = holm(tested.map(({ p }) => p));
  return {
    ...(case_groups === undefined ? {} : { case_groups }),
    ...{ n, view, files: [a.path, b.path], bootstrap, correction: "holm", exact_match: exact },
    absent: Object.fromEntries(
      metrics.flatMap(({ name }) => {
        const of = arms[names[0]]?.[name];
        return of?.value === null && of.method === "none" ? [[name, of.reason]] : [];
      }),
    ),
    metrics: Object.fromEntries(
      tested.map(({ name, difference, test, p }, at) => [
        name,
        {
          ...difference,
          ...{ a: arms[names[0]]?.[name] as Measured, b: arms[names[1]]?.[name] as Measured },
          ...{ test, p, adjusted: adjusted[at] as number },
        },
      ]),
    ),
  };
}
