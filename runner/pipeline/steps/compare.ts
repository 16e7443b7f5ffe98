import type { Experiment } from "../../config/schema.ts";
import { type View, viewOf } from "../../data/labels/views.ts";
import type { MetricName } from "../../evaluation/metrics/metrics.ts";
import { compareAnswers } from "../../evaluation/statistics/comparison.ts";
import type { Draft, StepKind } from "../plan/step.ts";
import { armOfStep } from "../plan/step-ref.ts";
import { readResult, writeResult } from "../result-files.ts";
import type { Arm } from "./arms.ts";
import { draft } from "./draft.ts";
import { headline, type Prediction } from "./evaluate.ts";
import { readJsonLines } from "./jsonl.ts";
import type { Site } from "./site.ts";
import { synonymsOf } from "./synonyms.ts";

type Params = {
  readonly arms: readonly Arm[];
  /** The arm that the experiment is about. */
  readonly subject: Arm;
  readonly metrics: readonly MetricName[];
  readonly primary: { readonly metric: MetricName; readonly view: View };
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  readonly exp: string;
};

/** Compares the arms of a run case by case: intervals and paired tests. */
export const compare: StepKind<Params> = {
  name: "compare",
  version: 1,
  cached: true,
  outputs: () => ["comparison.json"],
  async run({ arms, subject, metrics, primary, bootstrap }, context) {
    const of = viewOf(primary.view, synonymsOf(context));
    const space = new Set<string>();
    for (let at = 0; context.hasInput(`labels.${at}`); at++) {
      const counts = readResult("labels.json", context.input(`labels.${at}`));
      for (const { label } of counts) space.add(label);
    }
    const answerers = arms.map((name) => ({
      name,
      seeds: [readJsonLines<Prediction>(context.input(`predictions.${name}`))],
    }));
    const { metric, view } = primary;
    const { resamples, seed } = bootstrap;
    const comparison = await compareAnswers(
      answerers,
      { view, of, space, subject, names: metrics, primary: metric, bootstrap: { resamples, seed } },
      context.pause,
    );
    writeResult(context.output, "comparison.json", comparison);
    context.evidence({ arms: arms.length, cases: comparison.n });
  },
};

/** The comparison of all arms of a run, `scores` being the drafts that score them. */
export function draftCompare(experiment: Experiment, scores: readonly Draft[], site: Site): Draft {
  const { synonyms } = experiment.data.labels;
  const { primary, bootstrap } = experiment.evaluate;
  const arms = scores.map(({ id }) => armOfStep(id));
  const vocabularies = new Map(
    scores.flatMap(({ inputs }) => (inputs.labels ? [[inputs.labels.step, inputs.labels]] : [])),
  );
  return draft({
    id: "compare",
    kind: compare.name,
    params: {
      arms,
      subject: arms.includes("tuned") ? "tuned" : "zero_shot",
      metrics: headline(experiment),
      primary: { ...primary },
      bootstrap: { ...bootstrap },
      exp: site.version,
    },
    sources: synonyms === undefined ? {} : { "data.labels.synonyms": synonyms },
    inputs: {
      ...Object.fromEntries([...vocabularies.values()].map((labels, at) => [`labels.${at}`, labels])),
      ...Object.fromEntries(
        scores.map(({ id }) => [`predictions.${armOfStep(id)}`, { step: id, file: "predictions.jsonl" }]),
      ),
    },
  });
}
