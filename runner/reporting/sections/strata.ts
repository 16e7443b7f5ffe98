import type { CaseStratum, LabelStratum } from "../../evaluation/error-analysis/strata.ts";
import type { Estimate } from "../../util/bounds.ts";
import { integer, score, withInterval } from "../../util/format.ts";
import { type AnalysedArm, type AnalysedRun, ownAnalysis } from "../report/analysed-run.ts";
import { armNamingOf, hasLabels, metricName, modelArms, primaryArm, shownArms } from "../report/display-names.ts";
import { about, type Block, heading, paragraph } from "../report/document.ts";
import { viewText } from "../report/scored-cases.ts";

/** Scores by stratum of labels and of cases. */
export function strata(run: AnalysedRun): readonly Block[] {
  const { arms, view } = run.analysis;
  const models = new Set(modelArms(run).map(({ arm }) => arm));
  const shown = shownArms(run, mostRivals + 1, (arm) => (models.has(arm) || arm === primaryArm(run)) && arm in arms);
  const armName = armNamingOf(run);
  const isLabelled = hasLabels(run.config);
  const isSeveral = shown.length > 1;
  const headOf = (name: string): readonly string[] =>
    isSeveral ? shown.map((arm) => `${name}, ${armName(arm)}`) : [name];
  const byLabel = dividing(labelStrata(ownAnalysis(run)).filter(([, row]) => row.support + row.predicted > 0));
  const f1Of = (row: LabelStratum | undefined) => row && bounded(row.f1, row);
  const scoreOf = (row: CaseStratum | undefined) => row && (isLabelled ? bounded(row.micro_f1, row) : primaryOf(row));
  const byCase = dividing(caseStrata(ownAnalysis(run)).filter(([, { cases }]) => cases > 0));
  if (byLabel.length + byCase.length === 0) return [];
  const metric = isLabelled ? "micro-F1" : metricName(run.config.evaluate.primary.metric);
  const inView = viewText(run, view);
  return [
    heading(2, "Results by stratum"),
    paragraph(
      ...about(
        "strata-labels",
        "scores strata of labels: an added label counts in its stratum, whatever case it is in.",
      ),
      ...about("strata-cases", "scores strata of cases."),
      ...differences(
        [...extremes(byLabel, f1Of, "F1"), ...extremes(byCase, scoreOf, metric)],
        armName(primaryArm(run)),
      ),
    ),
    ...(isLabelled && byLabel.length > 0
      ? [
          {
            type: "table" as const,
            id: "strata-labels",
            caption: `Strata of labels ${inView}${withBounds(
              byLabel.map(([, row]) => f1Of(row)),
              labelMethod,
            )}. Gold: gold labels in the stratum.`,
            // Counts of the primary arm are left out next to other arms: the columns with intervals need the space.
            head: [...["by", "stratum", "gold", ...(isSeveral ? [] : ["predicted", "recall"])], ...headOf("F1")],
            align: ["left" as const, "left" as const, ...rights(isSeveral ? 1 + shown.length : 4)],
            rows: byLabel.map(([by, row], index, all) => [
              ...[all[index - 1]?.[0] === by ? "" : by, row.name, integer(row.support)],
              ...(isSeveral ? [] : [integer(row.predicted), score(row.recall)]),
              ...shown.map((arm) => withInterval(f1Of(find(labelStrata(arms[arm]), by, row.name)))),
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
            caption: `Strata of cases ${inView}${withBounds(
              byCase.map(([, row]) => scoreOf(row)),
              isLabelled ? labelMethod : caseMethod,
            )}.`,
            head: [...["by", "stratum", "cases", ...(isSeveral ? [] : ["exact match"])], ...headOf(metric)],
            align: ["left" as const, "left" as const, ...rights(isSeveral ? 1 + shown.length : 3)],
            rows: byCase.map(([by, row], index, all) => [
              ...[all[index - 1]?.[0] === by ? "" : by, row.name, integer(row.cases)],
              ...(isSeveral ? [] : [score(row.exact_match)]),
              ...shown.map((arm) => withInterval(scoreOf(find(caseStrata(arms[arm]), by, row.name)))),
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

/** A score with the interval of F1. */
const bounded = (value: number, { f1_low: low, f1_high: high }: LabelStratum | CaseStratum): Estimate => ({
  ...{ value, low, high },
});

/** The primary metric of cases without labels, with its interval. */
const primaryOf = ({ primary, primary_low: low, primary_high: high }: CaseStratum): Estimate => ({
  ...{ value: primary ?? null, low, high },
});

/** How the intervals of strata are computed. */
const labelMethod = " (Clopper-Pearson; the labels of one case are one unit)";
const caseMethod = ", by the method of the metric; strata of fewer than five cases have none";

const withBounds = (scores: readonly (Estimate | undefined)[], method: string): string =>
  scores.some((one) => one?.low !== undefined) ? `, with 95 % confidence intervals over cases${method}` : "";

/** The differences between strata as a sentence; null is a division whose intervals overlap. */
function differences(divisions: readonly (string | null)[], arm: string): readonly string[] {
  const texts = divisions.filter((text) => text !== null);
  if (divisions.length === 0) return [];
  return texts.length === 0
    ? [`The intervals of the arm “${arm}” overlap in every division.`]
    : [`For the arm “${arm}”, ${texts.join("; ")}. The intervals are not corrected for the number of strata.`];
}

/**
 * Of each division, the two strata that differ most among those whose intervals do not overlap; null if all overlap.
 * Divisions without two intervals are left out.
 */
function extremes<Row extends LabelStratum | CaseStratum>(
  rows: readonly (readonly [by: string, row: Row])[],
  scoreOf: (row: Row) => Estimate | undefined,
  metric: string,
): readonly (string | null)[] {
  const divisions = [...new Set(rows.map(([by]) => by))];
  return divisions.flatMap((division) => {
    const scored = rows
      .filter(([by]) => by === division)
      .flatMap(([, row]) => {
        const { value = null, low, high } = scoreOf(row) ?? {};
        return value === null || low === undefined || high === undefined ? [] : [{ name: row.name, value, low, high }];
      });
    const [pair] = scored
      .flatMap((lower) => scored.filter(({ low }) => low > lower.high).map((upper) => ({ lower, upper })))
      .sort((a, b) => b.upper.value - b.lower.value - (a.upper.value - a.lower.value));
    if (scored.length < 2) return [];
    if (pair === undefined) return [null];
    const { lower, upper } = pair;
    return [
      `${metric} by ${division} is lower for ${lower.name} (${withInterval(lower)}) than for ${upper.name} (${withInterval(upper)})`,
    ];
  });
}

/** Other models whose scores the tables of strata have room for. */
const mostRivals = 3;
