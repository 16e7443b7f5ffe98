import { armWord, score, subject, whole } from "../report/display-names.ts";
import { type Block, heading, paragraph, type Span } from "../report/document.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** How the answers are wrong, where, and cases to look at: counted and drawn by a seed, never chosen by hand. */
export function failures({ runs }: Study): readonly Block[] {
  const run = runs.findLast(({ analysis }) => analysis !== undefined);
  const own = run?.analysis?.arms[subject(run)];
  if (run?.analysis === undefined || own === undefined) return [];
  return [
    heading(1, "Failure cases and likely causes"),
    paragraph(
      `${run.name}: ${whole(own.wrong)} of ${whole(own.cases)} answers differ from gold in the ${run.analysis.view} view. `,
      "A wrong answer has every category that applies; ",
      { ref: "categories" },
      " counts them.",
    ),
    categories(run),
    ...confusions(run),
    ...strata(run),
    ...rivals(run),
    ...calibration(run),
    ...examples(run),
  ];
}

type Analysed = RunFacts & { readonly analysis: NonNullable<RunFacts["analysis"]> };

function of(run: RunFacts) {
  return (run as Analysed).analysis.arms[subject(run)] as NonNullable<Analysed["analysis"]["arms"][string]>;
}

function categories(run: RunFacts): Block {
  const { arms } = (run as Analysed).analysis;
  const own = subject(run);
  const names = [own, ...Object.keys(arms).filter((name) => name !== own && !name.includes("."))].slice(0, mostArms);
  return {
    type: "table",
    id: "categories",
    caption: "Wrong answers by category and arm.",
    head: ["category", "definition", ...names.map(armWord)],
    align: ["left", "left", ...names.map(() => "right" as const)],
    rows: of(run)
      .categories.filter(({ name }) => names.some((arm) => count(arms[arm]?.categories, name) > 0))
      .map(({ name, definition }) => [
        name.replaceAll("_", " "),
        definition,
        ...names.map((arm) => whole(count(arms[arm]?.categories, name))),
      ]),
  };
}

/** Arms side by side that a page's width holds beside a definition. */
const mostArms = 5;

function count(
  counts: readonly { readonly name: string; readonly cases: number }[] | undefined,
  category: string,
): number {
  return counts?.find(({ name }) => name === category)?.cases ?? 0;
}

function confusions(run: RunFacts): readonly Block[] {
  const { pairs } = of(run).confusions;
  if (pairs.length === 0) return [];
  return [
    heading(2, "Confusions"),
    paragraph(
      { ref: "confusions" },
      " sets labels that were left out against labels that were named for nothing in the same case.",
    ),
    {
      type: "figure",
      id: "confusions",
      caption:
        "Labels most often omitted (rows) against labels that were added in the same case (columns); numbers are cases.",
      alt: "Matrix of omitted against added labels",
    },
  ];
}

function strata(run: RunFacts): readonly Block[] {
  const { strata } = of(run);
  const byLabel = [
    ...strata.training_frequency.map((row) => ["training rows of the label", row] as const),
    ...strata.group.map((row) => ["group of the label", row] as const),
  ];
  const byCase = [
    ...strata.labels_per_case.map((row) => ["labels of the case", row] as const),
    ...strata.input_length.map((row) => ["words of the text", row] as const),
    ...strata.normality.map((row) => ["normality", row] as const),
  ];
  return [
    heading(2, "Where the errors are"),
    {
      type: "table",
      id: "strata-labels",
      caption: "By kind of label: how often it is in gold and in the answers, and how well it is found.",
      head: ["by", "stratum", "in gold", "predicted", "recall", "F1"],
      align: ["left", "left", "right", "right", "right", "right"],
      rows: byLabel
        .filter(([, { support, predicted }]) => support + predicted > 0)
        .map(([by, { name, support, predicted, recall, f1 }], index, all) => [
          all[index - 1]?.[0] === by ? "" : by,
          name,
          whole(support),
          whole(predicted),
          score(recall),
          score(f1),
        ]),
    },
    {
      type: "table",
      id: "strata-cases",
      caption: "By kind of case.",
      head: ["by", "stratum", "cases", "exact match", "micro-F1"],
      align: ["left", "left", "right", "right", "right"],
      rows: byCase
        .filter(([, { cases }]) => cases > 0)
        .map(([by, { name, cases, exact_match, micro_f1 }], index, all) => [
          all[index - 1]?.[0] === by ? "" : by,
          name,
          whole(cases),
          score(exact_match),
          score(micro_f1),
        ]),
    },
  ];
}

function rivals(run: RunFacts): readonly Block[] {
  const { against, agreement } = of(run);
  if (against.length === 0) return [];
  return [
    heading(2, "Against the other arms"),
    {
      type: "table",
      id: "against",
      caption:
        "Cases exactly right and wrong, against other arms: fixed is wrong there and right here, broken the other way round.",
      head: ["against", "both right", "fixed", "broken", "both wrong"],
      align: ["left", "right", "right", "right", "right"],
      rows: against.map(({ arm, both_right, fixed, broken, both_wrong }) => [
        armWord(arm),
        whole(both_right),
        whole(fixed),
        whole(broken),
        whole(both_wrong),
      ]),
    },
    ...(agreement === null || agreement.agree.cases < fewestAgreed
      ? []
      : [
          paragraph(
            `Where the answer is the same as that of ${armWord(agreement.baseline)} (${whole(agreement.agree.cases)} cases), ${percent(agreement.agree.exact_match)} are exactly right; ` +
              `where it differs (${whole(agreement.differ.cases)} cases), ${percent(agreement.differ.exact_match)}. Agreement is a sign of confidence that costs nothing.`,
          ),
        ]),
  ];
}

/** Agreements that a share can be told of. */
const fewestAgreed = 20;

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

function calibration(run: RunFacts): readonly Block[] {
  const { calibration } = of(run);
  if (calibration === null) return [];
  const { sequence, per_token } = calibration;
  return [
    heading(2, "Calibration"),
    paragraph(
      `The probability that the model gives to its own answer, against whether the answer is exactly right: expected calibration error ${score(sequence.ece)} for the ` +
        `whole answer and ${score(per_token.ece)} for the mean of its tokens. A right answer has the higher probability of the two in ` +
        `${per_token.auroc === null ? "–" : percent(per_token.auroc)} of pairs of a right and a wrong one.`,
    ),
    {
      type: "figure",
      id: "reliability",
      caption:
        "Reliability: share of exactly right answers by the model's probability of its answer (mean of tokens); on the diagonal a probability means what it says.",
      alt: "Points of accuracy against confidence",
    },
  ];
}

/** Examples of each category that are printed. */
const mostExamples = 2;

function examples(run: RunFacts): readonly Block[] {
  const seen = new Set<string>();
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
          named(gold),
          { strong: " Answer: " },
          named(given),
        ];
      }),
  );
  if (items.length === 0) return [];
  return [
    heading(2, "Examples"),
    paragraph("Drawn by a seed; the sentence is the one of the text that speaks most of the label in question."),
    { type: "list", items },
  ];
}

const named = (labels: readonly string[]): string => (labels.length === 0 ? "(no label)." : `${labels.join("; ")}.`);
