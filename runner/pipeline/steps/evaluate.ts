import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { caseSetOf } from "../../evaluation/case-set.ts";
import { intervalsOf } from "../../evaluation/statistics/intervals.ts";
import { caseGroups, scoresOf, scoresOfForms } from "../../evaluation/statistics/packed.ts";
import {
  agreementMetrics,
  type JudgeScale,
  type RatedPair,
  ratedCases,
  readJudgement,
} from "../../evaluation/text/judge.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Measured, Metric } from "../../plugins/metrics/metric.ts";
import { shownMetrics } from "../../plugins/metrics/own-metric.ts";
import type { Registry } from "../../plugins/registry.ts";
import type { Site } from "../../plugins/site.ts";
import type { StepContext, StepKind } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { boundsOf } from "../../util/bounds.ts";
import type { Json } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type ArmMetrics, type JudgeFacts, type JudgeMeasure, readResult, writeResult } from "../result-files.ts";
import { type Reading, readAnswer } from "./answer.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { type Similarity, similarityInputs } from "./embed.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { judgementInputs, readRatings } from "./judge.ts";
import type { Response } from "./response.ts";
import { marginsOf, readMargins, responsesOf } from "./scores.ts";
import { openMetrics, openTask, scoringFiles, type TaskParams, taskParams, withOwnMetrics } from "./task.ts";

type Params = TaskParams & {
  /** Share of a vote that keeps a part of the prediction; null if each case has one answer. */
  readonly min_share: number | null;
  /** Names of the metrics that get an interval. */
  readonly metrics: readonly string[];
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  readonly exp: string;
};

/** Reads every answer as a prediction and scores the predictions in each of the task's views. */
export const evaluate: StepKind<Params> = {
  name: "evaluate",
  version: 10,
  cached: true,
  outputs: () => ["metrics.json", "predictions.jsonl"],
  async run(params, context) {
    const task = tasks.get(params.task);
    const open = await openTask(params, context);
    const rows = readJsonLines<DataRow>(context.input("rows"));
    const vocabulary = readResult("labels.json", context.input("labels")).map(({ label }) => label);
    const answers = new Map(readJsonLines<Response>(context.input("responses")).map((answer) => [answer.id, answer]));
    const { predictionKey } = task;
    const reading: Reading = { open, predictionKey, minShare: params.min_share, labels: new Set(vocabulary) };

    const read = rows.map(({ id, gold, group }) => {
      const answer = answers.get(id);
      if (answer === undefined)
        throw new UserError("no-answer", `case ${id} has no answer`, { help: "run again with --force" });
      return { answer, gold, group, ...readAnswer(answer, reading) };
    });
    const margins = context.hasInput("margins") ? readMargins(context.input("margins")) : undefined;
    const judged = context.hasInput("judgements") ? judgementsOf(params, context) : undefined;
    const similar = context.hasInput("similarities") ? similaritiesOf(context) : undefined;
    const measured = (id: string): Measured => ({
      judgement: judged?.scores.get(id),
      similarity: similar?.get(id)?.similarity,
    });
    const cases = read.map(({ answer, gold, prediction, parsed, group }) => ({
      ...{ target: gold, prediction, parsed, group },
      ...measured(answer.id),
      margins: margins?.get(answer.id),
    }));
    const scorer = open.scorer(cases);
    const forms = task.views.map((view) => scorer(view, vocabulary));
    const known = openMetrics(params, context);
    const groups = caseGroups(rows.map(({ group }) => group));
    const draws = { ...params.bootstrap, groups };
    const intervals = await intervalsOf(forms, namedMetrics(known, params.metrics), draws, context.pause);
    const scores = scoresOfForms(forms, [...known]);
    const byView = <T>(of: (at: number) => T): Record<string, T> =>
      Object.fromEntries(task.views.map((view, at) => [view, of(at)]));
    const failures = read.filter(({ parsed }) => !parsed).length;
    const metrics = {
      n: rows.length,
      ...(groups === undefined ? {} : { case_groups: groups.count }),
      views: byView((at) => scores[at]),
      intervals: byView((at) => intervals[at]),
      ...open.details?.(cases, vocabulary),
      ...(judged === undefined ? {} : { judge: await judgeFacts(judged, params, context) }),
      ...(similar === undefined ? {} : { embedding: { cut: [...similar.values()].filter(({ cut }) => cut).length } }),
      parse_failures: { count: failures, rate: rows.length === 0 ? 0 : failures / rows.length },
      truncated: read.filter(({ answer }) => answer.finish === "length").length,
    } as unknown as ArmMetrics;
    writeResult(context.output, "metrics.json", metrics);
    const lines = read.map(({ answer, gold, group, prediction, parsed, notes }) => ({
      ...answer,
      gold,
      ...(group === undefined ? {} : { group }),
      [predictionKey]: prediction,
      parsed,
      notes,
      ...(margins?.has(answer.id) ? { margins: margins.get(answer.id) } : {}),
      ...(judged === undefined
        ? {}
        : { judgement: judged.scores.get(answer.id), judge_text: judged.texts.get(answer.id) }),
      ...(similar === undefined ? {} : { similarity: similar.get(answer.id)?.similarity }),
    }));
    writeFileSync(join(context.output, "predictions.jsonl"), jsonLines(lines));
    const { texts, gold } = caseSetOf(rows);
    context.evidence({ cases: rows.length, case_texts: texts, case_gold: gold } satisfies Record<string, Json>);
  },
};

/** Case -> its line of the embedding model. */
const similaritiesOf = (context: StepContext): ReadonlyMap<string, Similarity> =>
  new Map(readJsonLines<Similarity>(context.input("similarities")).map((line) => [line.id, line]));

type Judgements = {
  /** Case -> the judge's score; absent if its answer states none. */
  readonly scores: ReadonlyMap<string, number>;
  readonly texts: ReadonlyMap<string, string>;
  readonly answers: readonly Response[];
};

/** The judge's scores of an arm. */
function judgementsOf({ judge_scale }: Params, context: StepContext, input = "judgements"): Judgements {
  const answers = readJsonLines<Response>(context.input(input));
  const scored = answers.flatMap(({ id, text = "" }) => {
    const score = readJudgement(text, judge_scale as unknown as JudgeScale);
    return score === undefined ? [] : [[id, score] as const];
  });
  return { scores: new Map(scored), texts: new Map(answers.map(({ id, text = "" }) => [id, text])), answers };
}

/** What metrics.json has about the judge, with its agreement with people. */
async function judgeFacts({ scores, answers }: Judgements, params: Params, context: StepContext): Promise<JudgeFacts> {
  const tokens = (key: "prompt_tokens" | "new_tokens"): number =>
    answers.reduce((sum, answer) => sum + (answer[key] ?? 0), 0);
  const facts = {
    ...{ judged: scores.size, failed: answers.length - scores.size },
    ...{ prompt_tokens: tokens("prompt_tokens"), new_tokens: tokens("new_tokens") },
  };
  if (!context.hasInput("judged_ratings")) return facts;
  const ratings = readRatings(context.source("ratings"));
  const judged = judgementsOf(params, context, "judged_ratings");
  const pairs = ratings.flatMap(({ score }, at): readonly RatedPair[] => {
    const own = judged.scores.get(String(at));
    return own === undefined ? [] : [{ human: score, judge: own }];
  });
  const cases = ratedCases(pairs);
  const metrics = agreementMetrics();
  const [intervals] = await intervalsOf([cases], metrics, params.bootstrap, context.pause);
  const values = scoresOf(cases, metrics);
  const measured = (name: string) => ({ value: values[name] ?? null, ...boundsOf(intervals?.[name]) });
  const [weighted_kappa, equal] = ["weighted_kappa", "equal"].map(measured) as [JudgeMeasure, JudgeMeasure];
  return { ...facts, agreement: { rated: ratings.length, n: pairs.length, weighted_kappa, equal } };
}

/** Metrics by their names. Throws UserError `unknown-metric`. */
export function namedMetrics(metrics: Registry<Metric>, names: readonly string[]) {
  return names.map((name) => metrics.get(name));
}

/** Share of a vote that keeps a part of the prediction; null if each case has one answer. */
export function minShare({ generate }: Experiment): number | null {
  return "vote" in generate && generate.vote !== undefined ? generate.vote.min_share : null;
}

/** Names of the metrics that tables show, the primary one included. */
export function headline({ evaluate }: Experiment): readonly string[] {
  return [...new Set([...shownMetrics(evaluate), evaluate.primary.metric])];
}

/** The score of one arm, on the rows that the experiment is evaluated on. */
export function draftEvaluate(experiment: Experiment, arm: Arm, site: Site) {
  const { bootstrap } = experiment.evaluate;
  const judged = judgementInputs(experiment, arm);
  const margins = marginsOf(experiment, arm);
  const scored = draft({
    id: stepOfArm("evaluate", arm),
    kind: evaluate.name,
    params: {
      ...taskParams(experiment),
      min_share: minShare(experiment),
      metrics: headline(experiment),
      bootstrap: { resamples: bootstrap.resamples, seed: bootstrap.seed },
      exp: site.version,
    },
    sources: { ...scoringFiles(experiment), ...judged.sources },
    inputs: {
      ...judged.inputs,
      ...similarityInputs(experiment, arm),
      rows: { step: "data", file: `${experiment.evaluate.split}.jsonl` },
      labels: { step: "data", file: "labels.json" },
      responses: responsesOf(experiment, arm),
      ...(margins === undefined ? {} : { margins }),
    },
  });
  return withOwnMetrics(scored, experiment, site);
}
