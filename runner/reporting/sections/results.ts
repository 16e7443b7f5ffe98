import { plannedTests } from "../../evaluation/statistics/family.ts";
import { shownMetrics } from "../../plugins/metrics/own-metric.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import {
  integer,
  missing,
  percent,
  plural,
  pValue,
  score,
  signed,
  signedBounds,
  withInterval,
} from "../../util/format.ts";
import { mostRunsWithAllArms } from "../figures/intervals.ts";
import { differenceOf } from "../report/arm-differences.ts";
import { detectableNote, exactTestName, exactTestText, nonInferiorityTexts } from "../report/comparison-tables.ts";
import { confusionTable } from "../report/confusion-table.ts";
import { armNamingOf, metricName, modelArms, namingOf, primaryArm } from "../report/display-names.ts";
import { about, type Block, heading, paragraph } from "../report/document.ts";
import { embeddingTexts } from "../report/embedding.ts";
import { judgeTexts } from "../report/judge.ts";
import { resultRuns } from "../report/run-names.ts";
import { scoredCasesText, sizeText, viewText } from "../report/scored-cases.ts";
import type { RunFacts, Study } from "../report/study.ts";
import { resultsByField, resultsByLabel } from "./results-by-part.ts";
import { sizes } from "./sizes.ts";

/** Scores of all arms, paired tests, scores by view and by label. */
export function results({ runs: all }: Study): readonly Block[] {
  const runs = resultRuns(all);
  const last = runs.at(-1) as RunFacts;
  return [
    heading(1, "Results"),
    paragraph(
      ...about("results", `reports the scores of ${armsText(runs)} on ${scoredCasesText(last)}.`),
      ...about("results-2", "reports further metrics."),
      ...about("intervals", "plots the primary metric."),
      ...about("tests", `tests the ${metricName(last.config.evaluate.primary.metric)} of pairs of arms.`),
    ),
    ...comparison(runs),
    ...(runs.some(({ comparison }) => comparison !== undefined)
      ? [
          {
            type: "figure" as const,
            id: "intervals",
            caption: `Primary metric (${metricName(last.config.evaluate.primary.metric)}, ${last.config.evaluate.primary.view} view) of ${runs.length > mostRunsWithAllArms ? "the primary arm of each run" : "every arm"}, with 95 % confidence intervals${sizeText(last)}.`,
            alt: "Points with confidence intervals, one per arm and run",
          },
        ]
      : []),
    ...tests(runs.filter(({ comparison }) => comparison !== undefined)),
    ...runs.flatMap(margins),
    ...sizes(last),
    ...views(last),
    ...confusion(last),
    ...resultsByLabel(last),
    ...resultsByField(last),
  ];
}

function armsText(runs: readonly RunFacts[]): string {
  if (runs.length > mostRunsWithAllArms) return "the primary arm of each run";
  return runs.length > 1 ? "all arms of all runs" : "all arms";
}

/** Metrics that one table has room for. */
const metricsPerTable = 4;

/** The scores of all arms, in as many tables as the metrics need. */
function comparison(runs: readonly RunFacts[]): readonly Block[] {
  const metrics = shownMetrics((runs.at(-1) as RunFacts).config.evaluate);
  const tables = Math.ceil(metrics.length / metricsPerTable);
  return Array.from({ length: tables }, (_, at) =>
    scoreTable(runs, metrics.slice(at * metricsPerTable, (at + 1) * metricsPerTable), at),
  );
}

function scoreTable(runs: readonly RunFacts[], names: readonly string[], at: number): Block {
  const last = runs.at(-1) as RunFacts;
  const several = runs.length > 1;
  const isOwnOnly = runs.length > mostRunsWithAllArms;
  return {
    type: "table",
    id: at === 0 ? "results" : `results-${at + 1}`,
    caption:
      at === 0
        ? `Scores of ${armsText(runs)} on ${scoredCasesText(last)} (${last.config.evaluate.primary.view} view), with 95 % confidence intervals over cases.`
        : `Further metrics of ${armsText(runs)}${sizeText(last)}.`,
    head: [...(several ? ["run"] : []), "arm", ...names.map(metricName)],
    align: [...(several ? ["left" as const] : []), "left", ...names.map(() => "right" as const)],
    rows: runs.flatMap((run) =>
      run.arms
        .filter(({ name }) => !isOwnOnly || name === primaryArm(run))
        .map(({ name, views }, index) => [
          ...(several ? [index === 0 ? run.name : ""] : []),
          armNamingOf(run)(name),
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

/** The planned tests of runs, those of each run one family; of many runs, the test against the untrained model only. */
function tests(runs: readonly RunFacts[]): readonly Block[] {
  const last = runs.at(-1);
  if (last === undefined) return [];
  const several = runs.length > 1;
  const isFirstOnly = runs.length > mostRunsWithAllArms;
  const compared = last.comparison as NonNullable<RunFacts["comparison"]>;
  return [
    {
      type: "table",
      id: "tests",
      caption:
        `${several ? "P" : `${last.name}: p`}lanned tests of paired differences in ${metricName(compared.family.metric)}${sizeText(last)}. ` +
        `${several ? "" : `p (Holm) is adjusted for ${plural(plannedTests(compared.family).length, "test")}. `}` +
        `${several ? "The tests of a run are one family. " : ""}${isFirstOnly ? "Of each run, its first test. " : ""}` +
        `Exact matches: cases that only the first arm / only the second arm answers exactly right (${exactTestText(compared)}). ${detectableNote}`,
      head: [
        ...(several ? ["run"] : []),
        "arms",
        "difference",
        "95 % CI",
        "detectable",
        "p",
        "p (Holm)",
        "exact matches",
        `p (${exactTestName(compared)})`,
      ],
      align: [...(several ? ["left" as const] : []), "left", ...Array.from({ length: 7 }, () => "right" as const)],
      rows: runs.flatMap((run) =>
        testRows(run)
          .slice(0, isFirstOnly ? 1 : undefined)
          .map((row, at) => [...(several ? [at === 0 ? run.name : ""] : []), ...row]),
      ),
    },
  ];
}

function testRows(run: RunFacts): readonly (readonly string[])[] {
  const armName = armNamingOf(run);
  const compared = run.comparison as NonNullable<RunFacts["comparison"]>;
  const { metric } = compared.family;
  return plannedTests(compared.family).map(({ a, b, p, adjusted }) => {
    const found = differenceOf(compared, a, b, metric);
    const exact = found?.exact ?? null;
    return [
      `${armName(a)} − ${armName(b)}`,
      found === undefined ? missing : signed(found.difference),
      found === undefined ? missing : signedBounds(found),
      score(found?.detectable),
      pValue(p),
      pValue(adjusted),
      exact === null ? missing : `${integer(exact.own)} / ${integer(exact.other)}`,
      exact === null ? missing : pValue(exact.p),
    ];
  });
}

/** What the run shows about the margin of non-inferiority that its experiment declares. */
function margins(run: RunFacts): readonly Block[] {
  const tested = run.comparison?.non_inferiority;
  if (tested === undefined) return [];
  const texts = nonInferiorityTexts(tested, namingOf(run));
  return [paragraph(`Non-inferiority to the arm “${armNamingOf(run)(tested.reference)}”. ${texts.join(" ")}`)];
}

/** The first two metrics of the models in each view, and how the models answer. */
function views(run: RunFacts): readonly Block[] {
  const { evaluate } = run.config;
  const names = [...new Set([evaluate.primary.metric, ...shownMetrics(evaluate)])].slice(0, 2);
  const models = new Set(modelArms(run).map(({ arm }) => arm));
  const shown = run.arms.filter(({ name }) => models.has(name));
  if (shown.length === 0) return [];
  const all = Object.keys(shown[0]?.views ?? {});
  const isSame = shown.every(({ views }) =>
    names.every((name) => new Set(all.map((view) => views[view]?.[name])).size === 1),
  );
  return [
    paragraph(
      ...(isSame
        ? [`The views ${all.join(", ")} give the same scores. `]
        : about("views", "scores the same predictions in each view.")),
      ...about("answers", "describes the answers of the models."),
    ),
    ...(isSame
      ? []
      : [
          {
            type: "table" as const,
            id: "views",
            caption: `${run.name}: the same predictions in each view${sizeText(run)}.`,
            head: ["arm", ...names.flatMap((name) => all.map((view) => `${metricName(name)}, ${view}`))],
            align: ["left" as const, ...names.flatMap(() => all.map(() => "right" as const))],
            rows: shown.map(({ name: arm, views }) => [
              armNamingOf(run)(arm),
              ...names.flatMap((name) => all.map((view) => score(views[view]?.[name]))),
            ]),
          },
        ]),
    answers(shown, run),
    ...judged(run),
  ];
}

/** What the judge left out, cost, and how far it agrees with people; the embedding model. */
function judged(run: RunFacts): readonly Block[] {
  const naming = armNamingOf(run);
  const compared = run.arms.flatMap(({ name, embedding }) =>
    embedding === undefined ? [] : [{ arm: naming(name), ...embedding }],
  );
  const arms = run.arms.flatMap(({ name, judge }) => (judge === undefined ? [] : [{ arm: naming(name), judge }]));
  const texts = [...judgeTexts(arms), ...embeddingTexts(run.config.evaluate.embedding, compared)];
  return texts.length === 0 ? [] : [paragraph(texts.join(" "))];
}

/** The confusion matrix of the primary arm; none for a task with sets of labels. */
function confusion(run: RunFacts): readonly Block[] {
  const own = run.arms.find(({ name }) => name === primaryArm(run));
  if (own?.confusion === undefined) return [];
  const { view } = run.config.evaluate.primary;
  return [
    paragraph(...about("confusion-matrix", "relates gold labels to predicted labels.")),
    {
      type: "table",
      id: "confusion-matrix",
      caption: `${run.name}, ${armNamingOf(run)(own.name)}: cases by gold label (rows) and predicted label (columns) ${viewText(run, view)}.`,
      ...confusionTable(own.confusion),
    },
  ];
}

/** Labels per case, labels without training rows, and responses without an answer, by model. */
function answers(arms: RunFacts["arms"], run: RunFacts): Block {
  const { evaluate, task } = run.config;
  const facts = arms.flatMap(({ labelFacts }) => labelFacts ?? []);
  const isCounted = facts.length > 0 && tasks.get(task).labels?.isSingle !== true;
  const [gold] = facts.map(({ goldCardinality }) => goldCardinality.toFixed(2));
  return {
    type: "table",
    id: "answers",
    caption:
      `${run.name}: answers of the models${sizeText(run)}. ` +
      (isCounted ? `Labels per case are those of the basic view; gold has ${gold}. ` : "") +
      (facts.length > 0
        ? `Not in training: proportion of predicted labels that no training row has (${evaluate.primary.view} view). `
        : "") +
      "Not parsed: responses without a readable answer. Truncated: responses that reached the maximum number of new tokens.",
    head: [
      "arm",
      ...(isCounted ? ["labels / case"] : []),
      ...(facts.length > 0 ? ["not in training"] : []),
      ...["not parsed", "truncated"],
    ],
    align: [
      "left",
      ...(isCounted ? ["right" as const] : []),
      ...(facts.length > 0 ? ["right" as const] : []),
      "right",
      "right",
    ],
    rows: arms.map(({ name, labelFacts: own, parseFailures, truncated }) => [
      armNamingOf(run)(name),
      ...(isCounted ? [own === undefined ? missing : own.predictedCardinality.toFixed(2)] : []),
      ...(facts.length > 0 ? [own === undefined ? missing : percent(own.outOfSetRate)] : []),
      ...[integer(parseFailures), integer(truncated)],
    ]),
  };
}
