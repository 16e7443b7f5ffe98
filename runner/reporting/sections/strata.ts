import { integer, score } from "../../util/format.ts";
import { type AnalysedArm, type AnalysedRun, ownAnalysis } from "../report/analysed-run.ts";
import { armNamingOf, hasLabels, metricName, modelArms, primaryArm } from "../report/display-names.ts";
import { type Block, heading } from "../report/document.ts";

/** Scores by stratum of labels and of cases. */
export function strata(run: AnalysedRun): readonly Block[] {
  const { arms, view } = run.analysis;
  const models = modelArms(run).map(({ arm }) => arm);
  const rivals = models.filter((arm) => arm !== primaryArm(run) && arm in arms).slice(0, mostRivals);
  const armName = armNamingOf(run);
  const isSeveral = rivals.length > 0;
  const own = isSeveral ? `, ${armName(primaryArm(run))}` : "";
  const byLabel = dividing(labelStrata(ownAnalysis(run)).filter(([, row]) => row.support + row.predicted > 0));
  const byCase = dividing(caseStrata(ownAnalysis(run)).filter(([, { cases }]) => cases > 0));
  if (byLabel.length + byCase.length === 0) return [];
  const isLabelled = hasLabels(run.config);
  const metric = isLabelled ? "micro-F1" : metricName(run.config.evaluate.primary.metric);
  return [
    heading(2, "Results by stratum"),
    ...(isLabelled && byLabel.length > 0
      ? [
          {
            type: "table" as const,
            id: "strata-labels",
            caption: `Strata of labels (${view} view).`,
            head: [
              "by",
              "stratum",
              "gold",
              "predicted",
              "recall",
              `F1${own}`,
              ...rivals.map((arm) => `F1, ${armName(arm)}`),
            ],
            align: [
              "left" as const,
              "left" as const,
              ...Array.from({ length: 4 + rivals.length }, () => "right" as const),
            ],
            rows: byLabel.map(([by, { name, support, predicted, recall, f1 }], index, all) => [
              all[index - 1]?.[0] === by ? "" : by,
              name,
              integer(support),
              integer(predicted),
              score(recall),
              score(f1),
              ...rivals.map((arm) => score(labelF1(arms[arm], by, name))),
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
            caption: `Strata of cases (${view} view).`,
            head: [
              "by",
              "stratum",
              "cases",
              "exact match",
              `${metric}${own}`,
              ...rivals.map((arm) => `${metric}, ${armName(arm)}`),
            ],
            align: [
              "left" as const,
              "left" as const,
              ...Array.from({ length: 3 + rivals.length }, () => "right" as const),
            ],
            rows: byCase.map(([by, { name, cases, exact_match, micro_f1, primary }], index, all) => [
              all[index - 1]?.[0] === by ? "" : by,
              name,
              integer(cases),
              score(exact_match),
              score(isLabelled ? micro_f1 : primary),
              ...rivals.map((arm) => {
                const found = caseStrata(arms[arm]).find(([other, row]) => other === by && row.name === name)?.[1];
                return score(isLabelled ? found?.micro_f1 : found?.primary);
              }),
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

const labelF1 = (arm: AnalysedArm | undefined, by: string, name: string): number | undefined =>
  labelStrata(arm).find(([other, row]) => other === by && row.name === name)?.[1].f1;

/** Other models whose scores the tables of strata have room for. */
const mostRivals = 3;
