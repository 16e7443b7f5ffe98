import { type Block, heading, paragraph } from "../block.ts";
import type { RunFacts, Study } from "../study.ts";
import { armWord, metricWord, pValue, runWord, score, subject, whole, withInterval } from "../words.ts";

/** Every run's arms side by side, the tests between them, and where along the labels the scores come from. */
export function results({ runs }: Study): readonly Block[] {
  const last = runs.at(-1) as RunFacts;
  return [
    heading(1, "Results"),
    comparison(runs),
    ...(runs.some(({ comparison }) => comparison !== undefined)
      ? [
          {
            type: "figure" as const,
            id: "intervals",
            caption: `${metricWord(last.config.evaluate.primary.metric)} of ${runs.length > 4 ? "the arm that each run is about" : "every arm"} (${last.config.evaluate.primary.view} view), with 95 % intervals.`,
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
  const names = (runs.at(-1) as RunFacts).config.evaluate.metrics.slice(0, 4);
  return {
    type: "table",
    id: "results",
    caption: "Every arm of every run in its primary view, with 95 % bootstrap intervals over cases.",
    head: ["run", "arm", ...names.map(metricWord)],
    align: ["left", "left", ...names.map(() => "right" as const)],
    rows: runs.flatMap((run) =>
      run.arms.map(({ name, views }, index) => [
        index === 0 ? runWord(run) : "",
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
  const { family, pairs } = run.comparison as NonNullable<RunFacts["comparison"]>;
  const { metric } = family;
  return {
    type: "table",
    id: `tests-${run.run}`,
    caption: `${runWord(run)}: ${armWord(family.subject)} against each other arm in ${metricWord(metric)}. McNemar's counts are the cases that only the one or only the other has exactly right.`,
    head: ["against", "difference", "95 % interval", "p", "p (Holm)", "only one right", "p (McNemar)"],
    align: ["left", "right", "right", "right", "right", "right", "right"],
    rows: family.tests.map(({ against, p, adjusted }) => {
      const pair = pairs.find(({ a, b }) => [a, b].includes(against) && [a, b].includes(family.subject));
      const turned = pair?.a === against ? -1 : 1;
      const difference = pair?.metrics[metric];
      const ends =
        difference === undefined ? [] : [turned * difference.low, turned * difference.high].sort((a, b) => a - b);
      const mcnemar = pair?.exact_match;
      return [
        armWord(against),
        difference === undefined ? "–" : signed(turned * difference.difference),
        ends.length === 0 ? "–" : `[${ends.map(signed).join(", ")}]`,
        pValue(p),
        pValue(adjusted),
        mcnemar === null || mcnemar === undefined ? "–" : mcnemarCounts(mcnemar, turned === 1),
        mcnemar === null || mcnemar === undefined ? "–" : pValue(mcnemar.p),
      ];
    }),
  };
}

const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;

function mcnemarCounts(counts: { readonly only_a: number; readonly only_b: number }, isFirst: boolean): string {
  const [own, other] = isFirst ? [counts.only_a, counts.only_b] : [counts.only_b, counts.only_a];
  return `${whole(own)} / ${whole(other)}`;
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
      caption: `${runWord(run)}, ${armWord(own.name)}: the same answers in each label view.`,
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
      caption: `The ${Math.min(mostLabels, rows.length)} most frequent labels of the scored cases: F1 of each arm; the workbook has all ${rows.length}.`,
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
