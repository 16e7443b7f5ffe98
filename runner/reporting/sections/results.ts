import { mostWhole } from "../figures/intervals.ts";
import { differenceOf, signed } from "../report/arm-differences.ts";
import { armWord, metricWord, pValue, score, subject, whole, withInterval } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import { resultRuns } from "../report/run-names.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** Every run's arms side by side, the tests between them, and where along the labels the scores come from. */
export function results({ runs: all }: Study): readonly Block[] {
  const runs = resultRuns(all);
  const last = runs.at(-1) as RunFacts;
  return [
    heading(1, "Results"),
    comparison(runs),
    ...(runs.some(({ comparison }) => comparison !== undefined)
      ? [
          {
            type: "figure" as const,
            id: "intervals",
            caption: `${metricWord(last.config.evaluate.primary.metric)} of ${runs.length > mostWhole ? "the arm that each run is about" : "every arm"} (${last.config.evaluate.primary.view} view), with 95 % intervals.`,
            alt: "Points with intervals, one for each arm of each run",
          },
        ]
      : []),
    ...runs
      .filter(({ comparison }) => comparison !== undefined)
      .slice(-mostTested)
      .map(tests),
    ...views(last),
    ...labels(last),
  ];
}

const mostTested = 4;

function comparison(runs: readonly RunFacts[]): Block {
  const { metrics, split } = (runs.at(-1) as RunFacts).config.evaluate;
  const names = metrics.slice(0, 4);
  const several = runs.length > 1;
  return {
    type: "table",
    id: "results",
    caption: `Every arm${several ? " of every run" : ""} in its primary view on the ${split} rows, with 95 % bootstrap intervals over cases.`,
    head: [...(several ? ["run"] : []), "arm", ...names.map(metricWord)],
    align: [...(several ? ["left" as const] : []), "left", ...names.map(() => "right" as const)],
    rows: runs.flatMap((run) =>
      run.arms.map(({ name, views }, index) => [
        ...(several ? [index === 0 ? run.name : ""] : []),
        armWord(name),
        ...names.map((metric) => {
          const measured = run.comparison?.arms[name]?.[metric];
          return measured === undefined
            ? score(views[run.config.evaluate.primary.view]?.[metric])
            : withInterval(measured);
        }),
      ]),
    ),
  };
}

function tests(run: RunFacts): Block {
  const compared = run.comparison as NonNullable<RunFacts["comparison"]>;
  const { metric, subject: own, tests: all } = compared.family;
  return {
    type: "table",
    id: `tests-${run.run}`,
    caption: `${run.name}: ${armWord(own)} against each other arm in ${metricWord(metric)}. McNemar's counts are the cases that only the one or only the other has exactly right.`,
    head: ["against", "difference", "95 % interval", "p", "p (Holm)", "only one right", "p (McNemar)"],
    align: ["left", "right", "right", "right", "right", "right", "right"],
    rows: all.map(({ against, p, adjusted }) => {
      const found = differenceOf(compared, own, against, metric);
      const exact = found?.exact ?? null;
      return [
        armWord(against),
        found === undefined ? "–" : signed(found.difference),
        found === undefined ? "–" : `[${signed(found.low)}, ${signed(found.high)}]`,
        pValue(p),
        pValue(adjusted),
        exact === null ? "–" : `${whole(exact.own)} / ${whole(exact.other)}`,
        exact === null ? "–" : pValue(exact.p),
      ];
    }),
  };
}

/** How far the score depends on what counts as the same label. */
function views(run: RunFacts): readonly Block[] {
  const names = run.config.evaluate.metrics.slice(0, 4);
  const own = run.arms.find(({ name }) => name === subject(run));
  if (own === undefined) return [];
  return [
    {
      type: "table",
      id: "views",
      caption: `${run.name}, ${armWord(own.name)}: the same answers in each label view.`,
      head: ["view", ...names.map(metricWord)],
      align: ["left", ...names.map(() => "right" as const)],
      rows: Object.entries(own.views).map(([view, values]) => [view, ...names.map((name) => score(values[name]))]),
    },
    paragraph(
      `A case has ${own.goldCardinality.toFixed(2)} labels in gold and ${own.predictedCardinality.toFixed(2)} in the answers; ` +
        `${(own.outOfSetRate * 100).toFixed(1)} % of the predicted labels are in no training row, ${whole(own.parseFailures)} answers could not be read as labels, ` +
        `and ${whole(own.truncated)} were cut at the longest length.`,
    ),
  ];
}

/** Labels shown one by one; the workbook has them all. */
const mostLabels = 20;

function labels(run: RunFacts): readonly Block[] {
  const own = run.arms.find(({ name }) => name === subject(run));
  const rows = (own?.labels ?? []).filter(({ support }) => support > 0);
  if (own === undefined || rows.length === 0) return [];
  const rivals = run.arms.filter(({ name }) => name !== own.name && !name.includes("."));
  const f1 = (arm: string, label: string): string =>
    score(run.arms.find(({ name }) => name === arm)?.labels.find((row) => row.label === label)?.f1);
  return [
    heading(2, "By label"),
    {
      type: "table",
      id: "labels",
      caption:
        rows.length <= mostLabels
          ? "Every label of the scored cases: F1 of each arm."
          : `The ${mostLabels} most frequent labels of the scored cases: F1 of each arm; the workbook has all ${rows.length}.`,
      head: [
        "label",
        "cases",
        "precision",
        "recall",
        `F1 ${armWord(own.name)}`,
        ...rivals.map(({ name }) => `F1 ${armWord(name)}`),
      ],
      align: ["left", "right", "right", "right", "right", ...rivals.map(() => "right" as const)],
      rows: rows
        .slice(0, mostLabels)
        .map(({ label, support, precision, recall, f1: value }) => [
          label,
          whole(support),
          score(precision),
          score(recall),
          score(value),
          ...rivals.map(({ name }) => f1(name, label)),
        ]),
    },
    ...(run.trainLabels.length === 0
      ? []
      : [
          {
            type: "figure" as const,
            id: "frequency",
            caption:
              "F1 of a label by the number of training rows that have it; each point is a label, its size the scored cases that have it.",
            alt: "Scatter of the F1 of each label against its training frequency",
          },
        ]),
  ];
}
