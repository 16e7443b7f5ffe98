import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../experiment/schema.ts";
import { type View, viewOf } from "../labels/views.ts";
import type { MetricName } from "../metrics/metrics.ts";
import { intern, tabulate } from "../metrics/table.ts";
import { type Draft, StepFailed, type StepKind } from "../plan/step.ts";
import { type Compared, compareAll } from "../statistics/compare.ts";
import { type Arm, armOf } from "./arms.ts";
import type { LabelCount } from "./data.ts";
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
  readonly bootstrap: { readonly samples: number; readonly seed: number };
  readonly exp: string;
};

/** What comparison.json holds: every arm in the primary view, over one label space, and tests between them. */
export type Comparison = Compared & {
  readonly n: number;
  readonly view: View;
  readonly primary: MetricName;
  readonly bootstrap: { readonly samples: number; readonly seed: number };
  /** Labels of the shared space: those of every arm's training rows, and of gold. All other predictions are one more. */
  readonly labels: number;
};

/** Compares the arms of a run case by case: intervals and paired tests. */
export const compare: StepKind<Params> = {
  name: "compare",
  version: 1,
  cached: true,
  outputs: () => ["comparison.json"],
  async run({ arms, subject, metrics, primary, bootstrap }, ports) {
    const of = viewOf(primary.view, synonymsOf(ports));
    const space = new Set<string>();
    for (let at = 0; ports.reads(`labels.${at}`); at++) {
      const counts = JSON.parse(readFileSync(ports.input(`labels.${at}`), "utf8")) as readonly LabelCount[];
      for (const { label } of counts) space.add(label);
    }
    const answers = arms.map((arm) => readJsonLines<Prediction>(ports.input(`predictions.${arm}`)));
    const [first = []] = answers;
    const contestants = arms.map((name, index) => {
      const own = new Map((answers[index] ?? []).map((prediction) => [prediction.id, prediction]));
      const cases = first.map(({ id, gold }) => {
        const prediction = own.get(id);
        if (prediction === undefined || own.size !== first.length || !same(prediction.gold, gold)) {
          throw new StepFailed("cases-differ", `${arms[0]} and ${name} were not scored on the same cases: see ${id}`, {
            help: "compare experiments whose test files and label columns are the same",
          });
        }
        return { id, gold, pred: prediction.labels };
      });
      return { name, seeds: [tabulate(intern(cases), of, space)] };
    });
    const { samples, seed } = bootstrap;
    const compared = await compareAll(
      contestants,
      { subject, names: metrics, primary: primary.metric, bootstrap: { samples, seed } },
      ports.pause,
    );
    const comparison: Comparison = {
      n: first.length,
      view: primary.view,
      primary: primary.metric,
      bootstrap: { samples, seed },
      labels: contestants[0]?.seeds[0]?.labels.length ?? 0,
      ...compared,
    };
    writeFileSync(join(ports.output, "comparison.json"), `${JSON.stringify(comparison, null, 1)}\n`);
    ports.evidence({ arms: arms.length, cases: first.length });
  },
};

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, index) => label === b[index]);
}

/** The comparison of all arms of a run, `scores` being the drafts that score them. */
export function draftCompare(experiment: Experiment, scores: readonly Draft[], site: Site): Draft {
  const { synonyms } = experiment.data.labels;
  const { primary, bootstrap } = experiment.evaluate;
  const arms = scores.map(({ id }) => armOf(id));
  const vocabularies = new Map(
    scores.flatMap(({ reads }) => (reads.labels ? [[reads.labels.step, reads.labels]] : [])),
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
    reads: {
      ...Object.fromEntries([...vocabularies.values()].map((labels, at) => [`labels.${at}`, labels])),
      ...Object.fromEntries(
        scores.map(({ id }) => [`predictions.${armOf(id)}`, { step: id, file: "predictions.jsonl" }]),
      ),
    },
  });
}
