import type { View } from "../../data/labels/views.ts";
import type { Planned } from "../../evaluation/statistics/compare.ts";
import { compareAnswers } from "../../evaluation/statistics/comparison.ts";
import { nonInferiority } from "../../evaluation/statistics/non-inferiority.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { UserError } from "../../util/user-error.ts";
import { armOfStep } from "../plan/step-ref.ts";
import { readResult, writeResult } from "../result-files.ts";
import { readPredictions } from "./answer.ts";
import { type Arm, subjectIn } from "./arms.ts";
import { draft } from "./draft.ts";
import { headline, namedMetrics } from "./evaluate.ts";
import { openMetrics, openTask, scoringFiles, type TaskParams, taskParams, withOwnMetrics } from "./task.ts";

type Params = TaskParams & {
  readonly arms: readonly Arm[];
  /** The arm that the experiment is about. */
  readonly subject: Arm;
  readonly metrics: readonly string[];
  readonly primary: { readonly metric: string; readonly view: View };
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  /** Absent if the experiment declares none. */
  readonly non_inferiority?: { readonly reference: string; readonly margin: number };
  /** Absent if only the tests of the subject are planned. */
  readonly planned?: Planned;
  readonly exp: string;
};

/** Compares the arms of a run case by case: intervals and paired tests. */
export const compare: StepKind<Params> = {
  name: "compare",
  version: 7,
  cached: true,
  outputs: () => ["comparison.json"],
  async run({ arms, subject, metrics, primary, bootstrap, non_inferiority: tested, planned, ...params }, context) {
    const task = tasks.get(params.task);
    const open = await openTask(params, context);
    const known = openMetrics(params, context);
    const space = new Set<string>();
    for (let at = 0; context.hasInput(`labels.${at}`); at++) {
      const counts = readResult("labels.json", context.input(`labels.${at}`));
      for (const { label } of counts) space.add(label);
    }
    const answerers = arms.map((name) => ({
      name,
      seeds: [readPredictions(context.input(`predictions.${name}`), task.predictionKey)],
    }));
    const { metric, view } = primary;
    const { resamples, seed } = bootstrap;
    const comparison = await compareAnswers(
      answerers,
      {
        view,
        scorer: (cases) => open.scorer(cases)(view, [...space]),
        subject,
        metrics: namedMetrics(known, metrics),
        primary: metric,
        bootstrap: { resamples, seed },
        planned,
      },
      context.pause,
    );
    const { higherIsBetter } = known.get(metric);
    writeResult(context.output, "comparison.json", {
      ...comparison,
      ...(tested === undefined
        ? {}
        : { non_inferiority: nonInferiority(comparison.pairs, { ...tested, metric, higherIsBetter }) }),
    });
    context.evidence({ arms: arms.length, cases: comparison.n });
  },
};

/** The comparison of all arms of a run, `scores` being the drafts that score them. */
export function draftCompare(
  experiment: Experiment,
  scores: readonly Draft[],
  site: Site,
  { contrasts, interactions }: Planned,
): Draft {
  const { primary, bootstrap, non_inferiority: tested } = experiment.evaluate;
  const arms = scores.map(({ id }) => armOfStep(id));
  const vocabularies = new Map(
    scores.flatMap(({ inputs }) => (inputs.labels ? [[inputs.labels.step, inputs.labels]] : [])),
  );
  const compared = draft({
    id: "compare",
    kind: compare.name,
    params: {
      arms,
      subject: subjectIn(arms),
      metrics: headline(experiment),
      ...taskParams(experiment),
      primary: { ...primary },
      bootstrap: { ...bootstrap },
      ...(tested === undefined ? {} : { non_inferiority: { ...tested } }),
      ...(contrasts.length + interactions.length === 0 ? {} : { planned: { contrasts, interactions } }),
      exp: site.version,
    },
    sources: scoringFiles(experiment),
    inputs: {
      ...Object.fromEntries([...vocabularies.values()].map((labels, at) => [`labels.${at}`, labels])),
      ...Object.fromEntries(
        scores.map(({ id }) => [`predictions.${armOfStep(id)}`, { step: id, file: "predictions.jsonl" }]),
      ),
    },
  });
  return withOwnMetrics(compared, experiment, site);
}

/** Throws UserError if the experiment declares a margin of non-inferiority that its arms cannot be tested against. */
export function expectReference({ evaluate }: Experiment, arms: readonly Arm[]): void {
  const reference = evaluate.non_inferiority?.reference;
  if (reference === undefined || (arms.length > 1 && arms.includes(reference))) return;
  const others = arms.filter((arm) => arm !== reference);
  throw new UserError(
    "not-one-of",
    others.length === 0
      ? `evaluate.non_inferiority: the run has no other arm than ${reference}`
      : `evaluate.non_inferiority.reference: the run has no arm "${reference}"; it has ${others.join(", ")}`,
    { status: "invalid", help: "name an arm of the run, or add a baseline or an experiment under compare" },
  );
}
