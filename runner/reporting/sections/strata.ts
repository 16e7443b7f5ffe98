import type { CaseStratum, LabelStratum } from "../../evaluation/error-analysis/strata.ts";
import { integer, score, withInterval } from "../../util/format.ts";
import { type AnalysedArm, type AnalysedRun, ownAnalysis } from "../report/analysed-run.ts";
import { armNamingOf, hasLabels, metricName, modelArms, primaryArm } from "../report/display-names.ts";
import { type Block, heading } from "../report/document.ts";

/** Scores by stratum of labels and of cases. */
export function strata(run: AnalysedRun): readonly Block[] {
  const { arms, view } = run.analysis;
  const models = modelArms(run).map(({ arm }) => arm);
  const rivals = models.filter((arm) => arm !== primaryArm(run) && arm in arms).slice(0, mostRivals);
  const armName = armNamingOf(run);
  const isLabelled = hasLabels(run.config);
  const isSeveral = rivals.length > 0;
  const own = isSeveral ? `, ${armName(primaryArm(run))}` : "";
  const byLabel = dividing(labelStrata(ownAnalysis(run)).filter(([, row]) => row.support + row.predicted > 0));
  const f1Of = (row: LabelStratum | undefined) => row && bounded(row.f1, row);
  const scoreOf = (row: CaseStratum | undefined) => row && bounded(isLabelled ? row.micro_f1 : row.primary, row);
  const byCase = dividing(caseStrata(ownAnalysis(run)).filter(([, { cases }]) => cases > 0));
  if (byLabel.length + byCase.length === 0) return [];
  const metric = isLabelled ? "micro-F1" : metricName(run.config.evaluate.primary.metric);
  return [
    heading(2, "Results by stratum"),
    ...(isLabelled && byLabel.length > 0
      ? [
          {
            type: "table" as const,
            id: "strata-labels",
            caption: `Strata of labels (${view} view)${withBounds(byLabel)}.`,
            // Counts of the primary arm are left out next to other arms: the columns with intervals need the space.
            head: [
              ...["by", "stratum", "gold", ...(isSeveral ? [] : ["predicted", "recall"])],
              ...[`F1${own}`, ...rivals.map((arm) => `F1, ${armName(arm)}`)],
            ],
            align: ["left" as const, "left" as const, ...rights(isSeveral ? 2 + rivals.length : 4)],
            rows: byLabel.map(([by, row], index, all) => [
              ...[all[index - 1]?.[0] === by ? "" : by, row.name, integer(row.support)],
              ...(isSeveral ? [] : [integer(row.predicted), score(row.recall)]),
              withInterval(f1Of(row)),
              ...rivals.map((arm) => withInterval(f1Of(find(labelStrata(arms[arm]), by, row.name)))),
            ]),
          },
        ]
      : []),
    ...(byCase.length === 0
      ? []
      : [
          {
            type: "table" as const,
            id: "strata-cases",
            caption: `Strata of cases (${view} view)${withBounds(byCase)}.`,
            head: [
              ...["by", "stratum", "cases", ...(isSeveral ? [] : ["exact match"])],
              ...[`${metric}${own}`, ...rivals.map((arm) => `${metric}, ${armName(arm)}`)],
            ],
            align: ["left" as const, "left" as const, ...rights(isSeveral ? 2 + rivals.length : 3)],
            rows: byCase.map(([by, row], index, all) => [
              ...[all[index - 1]?.[0] === by ? "" : by, row.name, integer(row.cases)],
              ...(isSeveral ? [] : [score(row.exact_match)]),
              withInterval(scoreOf(row)),
              ...rivals.map((arm) => withInterval(scoreOf(find(caseStrata(arms[arm]), by, row.name)))),
            ]),
          },
        ]),
  ];
}

/** The rows of the divisions that have several strata: one stratum repeats the results. */
const dividing = <Row>(
  rows: readonly (readonly [by: string, row: Row])[],
): readonly (readonly [by: string, row: Row])[] =>
  rows.filter(([by]) => rows.filter(([other]) => other === by).length > 1);

/** The strata of labels of an arm, by what divides them. */
function labelStrata(arm: AnalysedArm | undefined) {
  return [
    ...(arm?.strata.training_frequency ?? []).map((row) => ["training rows with the label", row] as const),
    ...(arm?.strata.group ?? []).map((row) => ["group of the label", row] as const),
  ];
}

/** The strata of cases of an arm, by what divides them. */
function caseStrata(arm: AnalysedArm | undefined) {
  return [
    ...(arm?.strata.labels_per_case ?? []).map((row) => ["gold labels per case", row] as const),
    ...(arm?.strata.input_length ?? []).map((row) => ["words per input", row] as const),
    ...(arm?.strata.normality ?? []).map((row) => ["normality", row] as const),
    ...(arm?.strata.properties ?? []).map((row) => [row.property, row] as const),
  ];
}

const rights = (columns: number) => Array.from({ length: columns }, () => "right" as const);

/** The row of a stratum in the strata of another arm. */
const find = <Row extends { readonly name: string }>(
  rows: readonly (readonly [by: string, row: Row])[],
  by: string,
  name: string,
): Row | undefined => rows.find(([other, row]) => other === by && row.name === name)?.[1];

type Bounded = { readonly f1_low?: number; readonly f1_high?: number };

/** A score with the interval of F1. */
const bounded = (value: number | null | undefined, { f1_low: low, f1_high: high }: Bounded) => ({
  value: value ?? null,
  ...(low === undefined || high === undefined ? {} : { low, high }),
});

const withBounds = (rows: readonly (readonly [by: string, row: Bounded])[]): string =>
  rows.some(([, { f1_low: low }]) => low !== undefined)
    ? ", with 95 % confidence intervals over cases (Clopper-Pearson; the labels of one case are one unit)"
    : "";

/** Other models whose scores the tables of strata have room for. */
const mostRivals = 3;
