import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { foldKey } from "../../config/folds.ts";
import { survivors } from "../../config/halving.ts";
import type { Point } from "../../config/loaded.ts";
import type { Select } from "../../config/schema.ts";
import { compareAnswers } from "../../evaluation/statistics/comparison.ts";
import { caseGroups } from "../../evaluation/statistics/packed.ts";
import { propose, type Setting } from "../../evaluation/statistics/parzen.ts";
import { scoreWithoutSelection } from "../../evaluation/statistics/selection-bias.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepContext, StepKind } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { Task } from "../../plugins/tasks/task.ts";
import { boundsOf } from "../../util/bounds.ts";
import type { Json } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";
import { formatStepRef, stepOfArm } from "../plan/step-ref.ts";
import { readResult } from "../result-files.ts";
import { readPredictions } from "./answer.ts";
import { subjectOf } from "./arms.ts";
import { draft } from "./draft.ts";
import {
  cutReason,
  proposalReason,
  ranked,
  readSelection,
  rungsIn,
  type ScoredSetting,
  type Selection,
  selectionFile,
  winnerReason,
} from "./selection.ts";
import { openMetrics, openTask, scoringFiles, type TaskParams, taskParams, withOwnMetrics } from "./task.ts";

type Params = TaskParams & {
  readonly metric: Select["metric"];
  readonly view: Select["view"];
  readonly repeated: readonly string[];
  readonly settings: readonly {
    readonly setting: string;
    /** Dotted key -> value of the keys that the settings vary. */
    readonly values: { readonly [key: string]: Json };
    /**
     * Coordinates of its runs, and the number in the names of the inputs of each. `seed` is present in
     * cross-validation: runs with one value are folds of one training.
     */
    readonly runs: readonly { readonly coordinates: string; readonly at: number; readonly seed?: string }[];
  }[];
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  /**
   * For successive halving: the epochs of the rung, and the number of settings that survive it, except on the last
   * rung.
   */
  readonly epochs?: number;
  readonly keep?: number;
  /** For TPE, except in the last round. */
  readonly proposal?: Proposal;
  readonly exp: string;
};

/** What TPE proposes after a round, from every setting that the sweep declares. */
export type Proposal = {
  /** Counted from 1. */
  readonly round: number;
  readonly count: number;
  readonly seed: number;
  readonly pool: readonly Setting[];
};

/**
 * Selects the winner of a sweep by scores on validation rows, or the survivors of a rung of successive halving, or
 * proposes the next settings of TPE. Scores
 * are averaged over the seeds of a setting. Ties go to the setting that is first in the sweep.
 */
export const select: StepKind<Params> = {
  name: "select",
  version: 5,
  cached: true,
  outputs: () => [selectionFile],
  async run({ metric, view, repeated, settings, bootstrap, epochs, keep, proposal, ...params }, context) {
    let n = 0;
    const scored: ScoredSetting[] = [];
    for (const { setting, values, runs } of settings) {
      const counts = new Map<string, number>();
      const own = runs.map(({ coordinates, at }) => {
        const metrics = readResult("metrics.json", context.input(`metrics.${at}`));
        counts.set(coordinates, metrics.n);
        const ends = metrics.intervals[view][metric];
        return { coordinates, value: metrics.views[view][metric] ?? null, ...boundsOf(ends) };
      });
      const bySeed = seedsOf(runs);
      n = (bySeed[0] ?? []).reduce((sum, { coordinates }) => sum + (counts.get(coordinates) ?? 0), 0);
      const [first] = own;
      const single = own.length === 1 && first !== undefined ? { sd: null, ...first } : undefined;
      const { value, low, high, sd } =
        single ??
        (await averaged(
          setting,
          bySeed.map((members) => members.map(({ at }) => at)),
          { metric, view, bootstrap, ...params },
          context,
        ));
      if (value === null) {
        const reason = readResult("metrics.json", context.input(`metrics.${runs[0]?.at}`)).intervals[view][metric];
        throw withoutValue({ metric, view, n }, reason?.method === "none" ? `: ${reason.reason}` : "");
      }
      scored.push({ setting, values, value, ...boundsOf({ low, high }), sd: sd ?? null, runs: own });
    }
    const order = ranked(scored, openMetrics(params, context).get(metric));
    const [best] = order as [ScoredSetting];
    const common = { metric, view, rows: "validation" as const, n };
    if (proposal !== undefined) {
      const names = order.map(({ setting }) => setting);
      const proposed = propose(proposal.pool, names, proposal);
      const why = proposalReason(order, proposed, common);
      const selection: Selection = { ...common, repeated, settings: scored, winner: best.setting, why, proposed };
      writeFileSync(join(context.output, selectionFile), `${JSON.stringify(selection, null, 1)}\n`);
      return;
    }
    const corrected = await withoutSelection(settings, { metric, view, bootstrap, ...params }, context);
    const selection: Selection = {
      ...{ ...common, repeated, settings: scored, winner: best.setting },
      ...(corrected === undefined ? {} : { corrected }),
      why: keep === undefined ? winnerReason(order, { ...common, corrected }) : cutReason(order, keep, common),
      ...(epochs === undefined ? {} : { epochs }),
      ...(context.hasInput("before") ? { earlier: rungsIn(readSelection(context.input("before"))) } : {}),
      ...(keep === undefined ? {} : { kept: keptOf(scored, order.slice(0, keep)) }),
    };
    writeFileSync(join(context.output, selectionFile), `${JSON.stringify(selection, null, 1)}\n`);
  },
};

function withoutValue({ metric, view, n }: Pick<Selection, "metric" | "view" | "n">, reason: string): UserError {
  return new UserError("no-value", `${metric} (${view}) has no value on ${n} validation rows${reason}`, {
    help: "select by another metric (sweep.select.metric), or use more validation rows",
  });
}

/** Names of the surviving settings, in the order of the sweep. */
function keptOf(scored: readonly ScoredSetting[], best: readonly ScoredSetting[]): readonly string[] {
  return scored.filter((one) => best.includes(one)).map(({ setting }) => setting);
}

/**
 * The mean of a setting over its seeds, with an interval that resamples cases and seeds. The folds of one seed are one
 * answerer: each row is answered once, by a training without that row.
 */
async function averaged(
  name: string,
  bySeed: readonly (readonly number[])[],
  {
    metric,
    view,
    bootstrap: { resamples, seed },
    ...params
  }: TaskParams & Pick<Params, "metric" | "view" | "bootstrap">,
  context: StepContext,
) {
  const space = labelsOf(bySeed, context);
  const task = tasks.get(params.task);
  const open = await openTask(params, context);
  const seeds = answersOf(bySeed, task, context);
  const { arms } = await compareAnswers(
    [{ name, seeds }],
    {
      ...{ view, scorer: (cases) => open.scorer(cases)(view, space) },
      ...{
        subject: name,
        metrics: [openMetrics(params, context).get(metric)],
        primary: metric,
        bootstrap: { resamples, seed },
      },
    },
    context.pause,
  );
  const measured = arms[name]?.[metric];
  if (measured === undefined) throw new Error(`${name} was not measured`);
  return measured;
}

type Seeds = readonly (readonly number[])[];

/** Labels of the training rows of one seed of a setting. */
function labelsOf([first = []]: Seeds, context: StepContext): readonly string[] {
  const labels = first.flatMap((at) => readResult("labels.json", context.input(`labels.${at}`)));
  return [...new Set(labels.map(({ label }) => label))];
}

/** The answers of a setting, a list for each seed; the folds of a seed are one list. */
function answersOf(bySeed: Seeds, { predictionKey }: Task, context: StepContext) {
  return bySeed.map((folds) =>
    folds.flatMap((at) => readPredictions(context.input(`predictions.${at}`), predictionKey)),
  );
}

/** More answers than this are not resampled. */
const mostAnswers = 2_000_000;

/** Resamples of the correction for the selection: 1,000, and at least 100 if many answers would take minutes. */
const correctionResamples = (answers: number): number => Math.min(1000, Math.max(100, Math.floor(2e8 / answers)));

/**
 * The winner's expected score on other cases; undefined for one setting. null if the settings were scored on different
 * cases, or if there are too many answers.
 */
async function withoutSelection(
  settings: Params["settings"],
  { metric, view, bootstrap, ...params }: TaskParams & Pick<Params, "metric" | "view" | "bootstrap">,
  context: StepContext,
): Promise<Selection["corrected"]> {
  if (settings.length < 2) return undefined;
  const task = tasks.get(params.task);
  const open = await openTask(params, context);
  const bySetting = settings.map(({ runs }) => seedsOf(runs).map((members) => members.map(({ at }) => at)));
  const space = [...new Set(bySetting.flatMap((bySeed) => labelsOf(bySeed, context)))];
  const answers = bySetting.map((bySeed) => answersOf(bySeed, task, context));
  const cases = answers[0]?.[0] ?? [];
  const lists = answers.flat();
  const order = new Map(cases.map(({ id }, at) => [id, at]));
  const isSame = lists.every((list) => list.length === cases.length && list.every(({ id }) => order.has(id)));
  if (!isSame || lists.length * cases.length > mostAnswers) return null;
  const resamples = Math.min(bootstrap.resamples, correctionResamples(lists.length * cases.length));
  const draws = { resamples, seed: bootstrap.seed };
  const scored = answers.map((seeds) =>
    seeds.map((list) => {
      const inOrder = list.toSorted((a, b) => (order.get(a.id) as number) - (order.get(b.id) as number));
      return open.scorer(inOrder.map(({ gold, ...rest }) => ({ target: gold, ...rest })))(view, space);
    }),
  );
  const groups = caseGroups(cases.map(({ group }) => group));
  const value = await scoreWithoutSelection(
    scored,
    openMetrics(params, context).get(metric),
    groups,
    draws,
    context.pause,
  );
  return value === null ? null : { value, ...draws };
}

/** The runs of a setting by seed: one each, or all folds of a seed. */
function seedsOf<R extends Params["settings"][number]["runs"][number]>(runs: readonly R[]): readonly (readonly R[])[] {
  const seeds = new Map<string, R[]>();
  for (const run of runs) {
    const name = run.seed ?? run.coordinates;
    seeds.set(name, [...(seeds.get(name) ?? []), run]);
  }
  return [...seeds.values()];
}

/** The values that distinguish the runs of a setting, without the fold. */
function seedOf(values: Point["values"], repeated: readonly string[]): string {
  return JSON.stringify(repeated.filter((key) => key !== foldKey).map((key) => values[key] ?? null));
}

/** A run that the selection ranks, and the names of its steps in the plan. */
export type Candidate = { readonly point: Point; stepOf(step: string): string };

/**
 * The selection among runs. In successive halving, the selection among the runs of one rung: `before` is the selection
 * of the rung before it, by its name in the plan, and one setting in `eta` survives.
 */
export function draftSelect(
  candidates: readonly Candidate[],
  {
    select: { metric, view },
    repeated,
    eta = 1,
    before,
    proposal,
  }: {
    readonly select: Select;
    readonly repeated: readonly string[];
    readonly eta?: number | undefined;
    readonly before?: string | undefined;
    readonly proposal?: Proposal | undefined;
  },
  site: Site,
): Draft {
  const [{ point: first }] = candidates as [Candidate, ...Candidate[]];
  const settings = settingsOf(candidates.map(({ point }) => point)).map(([setting, runs]) => ({
    setting,
    values: settingValues((candidates[runs[0] as number] as Candidate).point, repeated),
    runs: runs.map((at) => {
      const { coordinates, values } = (candidates[at] as Candidate).point;
      return { coordinates, at, ...(foldKey in values ? { seed: seedOf(values, repeated) } : {}) };
    }),
  }));
  const inputs = settings.flatMap(({ runs }) =>
    runs.flatMap(({ at }, place) => {
      const { point, stepOf } = candidates[at] as Candidate;
      const scored = stepOf(stepOfArm("evaluate", subjectOf(point.experiment)));
      const metrics = [`metrics.${at}`, { step: scored, file: "metrics.json" }] as const;
      if (runs.length === 1 && settings.length === 1) return [metrics];
      const predictions = [`predictions.${at}`, { step: scored, file: "predictions.jsonl" }] as const;
      const labels = [`labels.${at}`, { step: stepOf("data"), file: "labels.json" }] as const;
      return [metrics, predictions, ...(place === 0 || foldKey in point.values ? [labels] : [])];
    }),
  );
  const { evaluate } = first.experiment;
  const { resamples, seed } = evaluate.bootstrap;
  const { rung } = first;
  const isLast = rung === undefined || rung.number === rung.of;
  const selected = draft({
    id: formatStepRef({ stage: "select", rung: proposal?.round ?? (isLast ? undefined : rung.number) }),
    kind: select.name,
    params: {
      ...{ metric, view, repeated, settings, bootstrap: { resamples, seed }, exp: site.version },
      ...taskParams(first.experiment),
      epochs: rung?.epochs,
      keep: isLast ? undefined : survivors(settings.length, eta),
      ...(proposal === undefined ? {} : { proposal }),
    },
    sources: scoringFiles(first.experiment),
    inputs: {
      ...Object.fromEntries(inputs),
      ...(before === undefined ? {} : { before: { step: before, file: selectionFile } }),
    },
  });
  return withOwnMetrics(selected, first.experiment, site);
}

/** The values of a point that distinguish its setting. */
export function settingValues({ values }: Pick<Point, "values">, repeated: readonly string[]): { [key: string]: Json } {
  return Object.fromEntries(Object.entries(values).filter(([key]) => !repeated.includes(key))) as {
    [key: string]: Json;
  };
}

/** Settings in the order of the sweep, with the numbers of their runs. */
function settingsOf(points: readonly Pick<Point, "setting">[]): readonly (readonly [string, readonly number[]])[] {
  const settings = new Map<string, number[]>();
  for (const [at, { setting }] of points.entries()) {
    const runs = settings.get(setting);
    if (runs === undefined) settings.set(setting, [at]);
    else runs.push(at);
  }
  return [...settings];
}
