import { integer, percent, plural, score } from "../../util/format.ts";
import { type AnalysedRun, isAnalysed, ownAnalysis } from "../report/analysed-run.ts";
import { causeExamples, causeTable, fieldErrorTable, findings } from "../report/causes.ts";
import { coverageTable } from "../report/coverage-table.ts";
import { armNamingOf, metricName, namingOf, primaryArm, shownArms } from "../report/display-names.ts";
import { about, type Block, heading, paragraph, type Span } from "../report/document.ts";
import { sizeText, viewText } from "../report/scored-cases.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { subgroupNote, subgroupTable } from "../report/subgroup-table.ts";
import { errorExamples } from "./error-examples.ts";
import { strata } from "./strata.ts";

/** Error analysis of the primary arm: categories, confusions, strata, calibration and examples drawn with a seed. */
export function errorAnalysis({ runs }: Study): readonly Block[] {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  if (run === undefined || !isAnalysed(run)) return [];
  const own = ownAnalysis(run);
  return [
    heading(1, "Error analysis"),
    paragraph(
      `${run.name}: ${integer(own.wrong)} of the ${integer(own.cases)} predictions of the arm “${armNamingOf(run)(primaryArm(run))}” differ from gold in the ${run.analysis.view} view. `,
      { ref: "categories" },
      " counts the errors by category. An erroneous prediction can have several categories.",
    ),
    ...findingList(run),
    categories(run),
    ...causes(run),
    ...confusions(run),
    ...strata(run),
    ...subgroups(run),
    ...agreement(run),
    ...calibration(run),
    ...errorExamples(run),
  ];
}

function categories(run: AnalysedRun): Block {
  const { arms } = run.analysis;
  const names = shownArms(run, mostArms, (name) => name in arms);
  return {
    type: "table",
    id: "categories",
    caption: `Erroneous predictions by category and arm ${viewText(run, run.analysis.view)}. A prediction can have several categories.`,
    head: ["category", "definition", ...names.map(armNamingOf(run))],
    align: ["left", "left", ...names.map(() => "right" as const)],
    rows: [
      [
        "all erroneous predictions",
        "The prediction differs from gold",
        ...names.map((arm) => integer(arms[arm]?.wrong ?? 0)),
      ],
      ...ownAnalysis(run)
        .categories.filter(({ name }) => names.some((arm) => count(arms[arm]?.categories, name) > 0))
        .map(({ name, definition }) => [
          name.replaceAll("_", " "),
          definition,
          ...names.map((arm) => integer(count(arms[arm]?.categories, name))),
        ]),
    ],
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

function causes(run: AnalysedRun): readonly Block[] {
  const { analysis } = run;
  const own = primaryArm(run);
  const armName = armNamingOf(run);
  const table = causeTable(
    analysis,
    own,
    shownArms(run, mostArms, (arm) => analysis.arms[arm]?.causes != null),
    armName,
  );
  if (table.length === 0) return [];
  const items = causeExamples(analysis, own, armName);
  const unit = analysis.arms[own]?.causes?.unit ?? "label";
  return [
    heading(2, "Causes"),
    paragraph({ ref: "causes" }, ` relates each ${subjects[unit].text} A cause is an association and no proof.`),
    ...table,
    ...fieldErrorTable(analysis, own, armName),
    ...(items.length === 0
      ? []
      : [paragraph(`An example of each cause. ${subjects[unit].marks}`), { type: "list" as const, items }]),
  ];
}

/** What is related to causes, and what is marked in examples, by what the errors are about. */
const subjects = {
  label: {
    text: "omitted or added label to causes, by rules on the text and the training rows. The phrases by which a text negates, dates and hedges are those of a lexicon.",
    marks: "The phrase of the lexicon is bold, the name of the label is in italics.",
  },
  value: {
    text: "missing, additional or other value to causes, by rules on the input, the target and the schema. The rules read numbers in any notation, dates, and words in a row.",
    marks:
      "The sentence of the input that states the expected value has it in italics; a value that belongs elsewhere is bold.",
  },
  answer: {
    text: "answer that differs from its target to causes, by rules on the input, the target and the answer.",
    marks:
      "The quote is from the answer, or from the target if something is missing in the answer; what shows the cause is bold.",
  },
} as const;

function findingList(run: RunFacts): readonly Block[] {
  const found = errorFindings(run);
  if (found.length === 0) return [];
  return [
    paragraph(
      { strong: "Findings. " },
      "The statements are generated from the counts of causes in ",
      { ref: "causes" },
      ".",
    ),
    { type: "list", items: found.map((text) => [text]) },
  ];
}

/** Findings on the errors of the primary arm, in words. */
export function errorFindings(run: RunFacts): readonly string[] {
  return run.analysis === undefined ? [] : findings(run.analysis, primaryArm(run), armNamingOf(run));
}

function confusions(run: AnalysedRun): readonly Block[] {
  const { pairs } = ownAnalysis(run).confusions;
  if (pairs.length === 0) return [];
  return [
    heading(2, "Confusions"),
    paragraph(
      ...about("confusions", "relates omitted gold labels to labels that were added in the same case."),
      ...confusionTexts(pairs),
    ),
    {
      type: "figure",
      id: "confusions",
      caption: `Gold labels that the arm “${armNamingOf(run)(primaryArm(run))}” omits most often (rows) and labels that it adds in the same case (columns)${sizeText(run)}. Numbers are cases; (nothing): no label is added.`,
      alt: "Matrix of omitted and added labels",
    },
  ];
}

/** The pairs of an omitted and an added label that occur more than once. */
function confusionTexts(pairs: AnalysedRun["analysis"]["arms"][string]["confusions"]["pairs"]): readonly Span[] {
  const repeated = pairs.filter(({ count: cases }) => cases > 1).slice(0, mostPairs);
  if (repeated.length === 0) return ["No pair of an omitted and an added label occurs twice."];
  const names = repeated.map(
    ({ omitted, added, count: cases }) => `${omitted} and ${added} (${plural(cases, "case")})`,
  );
  return [`The most frequent pairs of an omitted and an added label: ${names.join("; ")}.`];
}

/** Pairs that the text names. */
const mostPairs = 3;

function subgroups(run: AnalysedRun): readonly Block[] {
  const { subgroups: found, arms, view } = run.analysis;
  if (found === undefined) return [];
  const names = shownArms(run, mostArms, (name) => name in arms);
  return [
    heading(2, "Results by subgroup"),
    paragraph(...about("subgroups", "scores the cases with each value of a column.")),
    {
      type: "table",
      id: "subgroups",
      caption: `${metricName(found.metric)} (${view} view) for the cases with each value of a column, with 95 % confidence intervals. ${subgroupNote(found)}`,
      ...subgroupTable(found, names, namingOf(run)),
    },
  ];
}

/**
 * How often the primary arm agrees with the classical baseline. Cases that only one of two arms answers are in the
 * tests.
 */
function agreement(run: AnalysedRun): readonly Block[] {
  const { agreement: found } = ownAnalysis(run);
  if (found === null || found.agree.cases < fewestAgreed) return [];
  return [
    heading(2, "Agreement with a baseline"),
    paragraph(
      `The prediction equals that of the ${armNamingOf(run)(found.baseline)} arm in ${integer(found.agree.cases)} cases, of which ${percent(found.agree.exact_match, 0)} are exactly right. ` +
        `It differs in ${integer(found.differ.cases)} cases, of which ${percent(found.differ.exact_match, 0)} are exactly right. Agreement with a baseline is an inexpensive indicator of confidence.`,
    ),
  ];
}

/** Fewest agreements for which proportions are reported. */
const fewestAgreed = 20;

function calibration(run: AnalysedRun): readonly Block[] {
  const { calibration } = ownAnalysis(run);
  if (calibration === null) return [];
  const { sequence, per_token, accuracy, of } = calibration;
  const measured =
    of === "labels"
      ? "Confidence is the probability of the predicted set by the scores of all labels, as if labels were independent. The expected calibration error with respect to exact match is " +
        `${score(sequence.ece)}; a perfectly calibrated model with these probabilities has ${score(sequence.ece_calibrated)} on average. `
      : `Confidence is the probability that the model assigns to its response. The expected calibration error with respect to exact match is ` +
        `${score(sequence.ece)} for the probability of the whole response and ${score(per_token.ece)} for the geometric mean per token; ` +
        `a perfectly calibrated model with these probabilities has ${score(sequence.ece_calibrated)} and ${score(per_token.ece_calibrated)} on average. `;
  const measure = of === "labels" ? "label scores" : "geometric mean per token";
  return [
    heading(2, "Calibration"),
    paragraph(
      measured +
        (per_token.auroc === null
          ? `The area under the ROC curve is not defined: ${accuracy === 0 ? "no prediction is" : "all predictions are"} exactly right.`
          : `The area under the ROC curve (${measure}, exactly right against other predictions) is ${score(per_token.auroc)}.`),
      " ",
      ...about("reliability", "relates confidence and accuracy."),
      ...about("coverage-risk-curve", "plots the risk against the coverage."),
      ...about("coverage-risk", "lists thresholds of confidence."),
    ),
    {
      type: "figure",
      id: "reliability",
      caption: `Reliability diagram: proportion of exactly right predictions by confidence (${measure}). The diagonal is perfect calibration.`,
      alt: "Accuracy against confidence, with the diagonal",
    },
    {
      type: "figure",
      id: "coverage-risk-curve",
      caption: `Risk against coverage when only answers above a confidence are kept (${measure}). The band is the 95 % confidence interval of each point; the dashed line is the risk of all answers.`,
      alt: "Line chart of the proportion of wrong answers against the proportion of answers that are kept",
    },
    {
      type: "table",
      id: "coverage-risk",
      caption: `Answering only above a confidence (geometric mean per token): proportion of answers that are kept (coverage), and of wrong answers among them (risk), with 95 % confidence intervals (Clopper-Pearson). The area under the curve is ${score(per_token.coverage_risk.area)}; a confidence without information has ${score(1 - accuracy)}. A threshold that is chosen here needs a test on other cases.`,
      ...coverageTable(per_token.coverage_risk),
    },
  ];
}
