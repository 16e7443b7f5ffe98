import { classicalBaselines } from "../../evaluation/baselines/names.ts";
import { modelArmsOf } from "../../pipeline/steps/arm-names.ts";
import { integer, percent, score } from "../../util/format.ts";
import { causeExamples, causeTable, findings } from "../report/causes.ts";
import { coverageTable } from "../report/coverage-table.ts";
import { armNamingOf, hasLabels, metricName, namingOf, primaryArm, rankedArms } from "../report/display-names.ts";
import { type Block, heading, paragraph, type Span } from "../report/document.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { subgroupNote, subgroupTable } from "../report/subgroup-table.ts";

/** Error analysis of the primary arm: categories, confusions, strata, calibration and examples drawn with a seed. */
export function errorAnalysis({ runs }: Study): readonly Block[] {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  const own = run?.analysis?.arms[primaryArm(run)];
  if (run?.analysis === undefined || own === undefined) return [];
  return [
    heading(1, "Error analysis"),
    paragraph(
      `${run.name}: ${integer(own.wrong)} of ${integer(own.cases)} predictions differ from gold in the ${run.analysis.view} view. `,
      { ref: "categories" },
      " counts the errors by category. An erroneous prediction can have several categories.",
    ),
    categories(run),
    ...causes(run),
    ...confusions(run),
    ...strata(run),
    ...subgroups(run),
    ...rivals(run),
    ...calibration(run),
    ...examples(run),
  ];
}

type Analysed = RunFacts & { readonly analysis: NonNullable<RunFacts["analysis"]> };

function of(run: RunFacts) {
  return (run as Analysed).analysis.arms[primaryArm(run)] as NonNullable<Analysed["analysis"]["arms"][string]>;
}

function categories(run: RunFacts): Block {
  const { arms } = (run as Analysed).analysis;
  const names = rankedArms(run)
    .filter((name) => name in arms)
    .slice(0, mostArms);
  return {
    type: "table",
    id: "categories",
    caption: "Erroneous predictions by category and arm.",
    head: ["category", "definition", ...names.map(armNamingOf(run))],
    align: ["left", "left", ...names.map(() => "right" as const)],
    rows: of(run)
      .categories.filter(({ name }) => names.some((arm) => count(arms[arm]?.categories, name) > 0))
      .map(({ name, definition }) => [
        name.replaceAll("_", " "),
        definition,
        ...names.map((arm) => integer(count(arms[arm]?.categories, name))),
      ]),
  };
}

/** Arms that fit next to a definition on a page. */
const mostArms = 5;

function count(
  counts: readonly { readonly name: string; readonly cases: number }[] | undefined,
  category: string,
): number {
  return counts?.find(({ name }) => name === category)?.cases ?? 0;
}

function causes(run: RunFacts): readonly Block[] {
  const { analysis } = run as Analysed;
  const own = primaryArm(run);
  const armName = armNamingOf(run);
  const table = causeTable(analysis, own, (arm) => classicalArms.has(arm.slice(arm.lastIndexOf(".") + 1)), armName);
  if (table.length === 0) return [];
  const items = causeExamples(analysis, own, armName);
  return [
    heading(2, "Causes"),
    paragraph(
      { ref: "causes" },
      " relates each omitted or added label to causes, by rules on the text and the training rows. The phrases by which a text negates, dates and hedges are those of a lexicon. A cause is an association and no proof.",
    ),
    ...table,
    ...(items.length === 0
      ? []
      : [
          paragraph(
            "An example of each cause. The phrase of the lexicon is bold, the name of the label is in italics.",
          ),
          { type: "list" as const, items },
        ]),
  ];
}

const classicalArms: ReadonlySet<string> = new Set([...Object.keys(classicalBaselines), "ensemble"]);

/** Findings on the errors of the primary arm, in words. */
export function errorFindings(run: RunFacts): readonly string[] {
  return run.analysis === undefined ? [] : findings(run.analysis, primaryArm(run), armNamingOf(run));
}

function confusions(run: RunFacts): readonly Block[] {
  const { pairs } = of(run).confusions;
  if (pairs.length === 0) return [];
  return [
    heading(2, "Confusions"),
    paragraph({ ref: "confusions" }, " relates omitted gold labels to labels that were added in the same case."),
    {
      type: "figure",
      id: "confusions",
      caption:
        "Most frequently omitted gold labels (rows) and labels added in the same case (columns). Numbers are cases.",
      alt: "Matrix of omitted and added labels",
    },
  ];
}

function strata(run: RunFacts): readonly Block[] {
  const { arms, view } = (run as Analysed).analysis;
  const models = modelArmsOf({ ...run, arms: rankedArms(run) }).map(({ arm }) => arm);
  const rivals = models.filter((arm) => arm !== primaryArm(run) && arm in arms).slice(0, mostRivals);
  const armName = armNamingOf(run);
  const isSeveral = rivals.length > 0;
  const own = isSeveral ? `, ${armName(primaryArm(run))}` : "";
  const byLabel = labelStrata(of(run));
  const byCase = caseStrata(of(run));
  const isLabelled = hasLabels(run.config);
  const metric = isLabelled ? "micro-F1" : metricName(run.config.evaluate.primary.metric);
  return [
    heading(2, "Results by stratum"),
    ...(isLabelled
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
            rows: byLabel
              .filter(([, { support, predicted }]) => support + predicted > 0)
              .map(([by, { name, support, predicted, recall, f1 }], index, all) => [
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
    {
      type: "table",
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
      align: ["left", "left", ...Array.from({ length: 3 + rivals.length }, () => "right" as const)],
      rows: byCase
        .filter(([, { cases }]) => cases > 0)
        .map(([by, { name, cases, exact_match, micro_f1, primary }], index, all) => [
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
  ];
}

type OneArm = Analysed["analysis"]["arms"][string];

/** The strata of labels of an arm, by what divides them. */
function labelStrata(arm: OneArm | undefined) {
  return [
    ...(arm?.strata.training_frequency ?? []).map((row) => ["training rows with the label", row] as const),
    ...(arm?.strata.group ?? []).map((row) => ["group of the label", row] as const),
  ];
}

/** The strata of cases of an arm, by what divides them. */
function caseStrata(arm: OneArm | undefined) {
  return [
    ...(arm?.strata.labels_per_case ?? []).map((row) => ["gold labels per case", row] as const),
    ...(arm?.strata.input_length ?? []).map((row) => ["words per input", row] as const),
    ...(arm?.strata.normality ?? []).map((row) => ["normality", row] as const),
    ...(arm?.strata.properties ?? []).map((row) => [row.property, row] as const),
  ];
}

const labelF1 = (arm: OneArm | undefined, by: string, name: string): number | undefined =>
  labelStrata(arm).find(([other, row]) => other === by && row.name === name)?.[1].f1;

/** Other models whose scores the tables of strata have room for. */
const mostRivals = 3;

function subgroups(run: RunFacts): readonly Block[] {
  const { subgroups: found, arms, view } = (run as Analysed).analysis;
  if (found === undefined) return [];
  const names = rankedArms(run)
    .filter((name) => name in arms)
    .slice(0, mostArms);
  return [
    heading(2, "Results by subgroup"),
    {
      type: "table",
      id: "subgroups",
      caption: `${metricName(found.metric)} (${view} view) for the cases with each value of a column, with 95 % confidence intervals. ${subgroupNote(found)}`,
      ...subgroupTable(found, names, namingOf(run)),
    },
  ];
}

function rivals(run: RunFacts): readonly Block[] {
  const { against, agreement } = of(run);
  const armName = armNamingOf(run);
  if (against.length === 0) return [];
  return [
    heading(2, "Comparison with the baselines"),
    {
      type: "table",
      id: "against",
      caption: `Exact matches of ${armName(primaryArm(run))} and of the other arm. Fixed: only ${armName(primaryArm(run))} is exactly right. Broken: only the other arm is exactly right.`,
      head: ["compared with", "both right", "fixed", "broken", "both wrong"],
      align: ["left", "right", "right", "right", "right"],
      rows: against.map(({ arm, both_right, fixed, broken, both_wrong }) => [
        armName(arm),
        integer(both_right),
        integer(fixed),
        integer(broken),
        integer(both_wrong),
      ]),
    },
    ...(agreement === null || agreement.agree.cases < fewestAgreed
      ? []
      : [
          paragraph(
            `The prediction equals that of the ${armName(agreement.baseline)} arm in ${integer(agreement.agree.cases)} cases, of which ${percent(agreement.agree.exact_match, 0)} are exactly right. ` +
              `It differs in ${integer(agreement.differ.cases)} cases, of which ${percent(agreement.differ.exact_match, 0)} are exactly right. Agreement with a baseline is an inexpensive indicator of confidence.`,
          ),
        ]),
  ];
}

/** Fewest agreements for which proportions are reported. */
const fewestAgreed = 20;

function calibration(run: RunFacts): readonly Block[] {
  const { calibration } = of(run);
  if (calibration === null) return [];
  const { sequence, per_token, accuracy } = calibration;
  return [
    heading(2, "Calibration"),
    paragraph(
      `Confidence is the probability that the model assigns to its response. The expected calibration error with respect to exact match is ` +
        `${score(sequence.ece)} for the probability of the whole response and ${score(per_token.ece)} for the geometric mean per token; ` +
        `a perfectly calibrated model with these probabilities has ${score(sequence.ece_calibrated)} and ${score(per_token.ece_calibrated)} on average. ` +
        `The area under the ROC curve (geometric mean per token, exactly right against other predictions) is ${score(per_token.auroc)}.`,
    ),
    {
      type: "figure",
      id: "reliability",
      caption:
        "Reliability diagram: proportion of exactly right predictions by confidence (geometric mean per token). The diagonal is perfect calibration.",
      alt: "Accuracy against confidence, with the diagonal",
    },
    {
      type: "table",
      id: "coverage-risk",
      caption: `Answering only above a confidence (geometric mean per token): proportion of answers that are kept (coverage), and of wrong answers among them (risk), with 95 % confidence intervals (Clopper-Pearson). The area under the curve is ${score(per_token.coverage_risk.area)}; a confidence without information has ${score(1 - accuracy)}. A threshold that is chosen here needs a test on other cases.`,
      ...coverageTable(per_token.coverage_risk),
    },
  ];
}

/** Examples per category. */
const mostExamples = 2;

function examples(run: RunFacts): readonly Block[] {
  const seen = new Set<string>();
  const empty = hasLabels(run.config) ? "(no label)" : "(no answer)";
  const items = of(run).categories.flatMap(({ name, examples: drawn }) =>
    drawn
      .filter(({ id }) => !seen.has(id))
      .slice(0, mostExamples)
      .map(({ id, label, sentence, gold, given }): readonly Span[] => {
        seen.add(id);
        return [
          { strong: `${name.replaceAll("_", " ")}` },
          label === null ? "" : ` (${label})`,
          `, case ${id}. `,
          ...(sentence === null ? [] : ["“", { emph: sentence }, "” "]),
          { strong: "Gold: " },
          partList(gold, empty),
          { strong: " Prediction: " },
          partList(given, empty),
        ];
      }),
  );
  const correct = (of(run).correct ?? [])
    .slice(0, mostCorrect)
    .map(({ id, label, sentence, gold }): readonly Span[] => [
      { strong: "correct" },
      sentence === null || label === null ? "" : ` (${label})`,
      `, case ${id}. `,
      ...(sentence === null ? [] : ["“", { emph: sentence }, "” "]),
      { strong: "Gold and prediction: " },
      partList(gold, empty),
    ]);
  if (items.length + correct.length === 0) return [];
  return [
    heading(2, "Examples"),
    paragraph(
      `The examples are drawn at random with a fixed seed.${
        hasLabels(run.config)
          ? " The quoted sentence states the label with the highest likelihood, by the words of the training rows with the label. Without a clear one, there is no quote."
          : ""
      }`,
    ),
    ...(items.length === 0 ? [] : [paragraph({ strong: "Erroneous predictions." }), { type: "list" as const, items }]),
    ...(correct.length === 0
      ? []
      : [paragraph({ strong: "Correct predictions." }), { type: "list" as const, items: correct }]),
  ];
}

/** Examples of correct predictions. */
const mostCorrect = 5;

const partList = (parts: readonly string[], empty: string): string =>
  parts.length === 0 ? `${empty}.` : parts.join("; ").replace(/(?<![.!?])$/, ".");
