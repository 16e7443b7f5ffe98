import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../../config/schema.ts";
import { isDirty } from "../../data/dirty.ts";
import { type View, viewOf, views } from "../../data/labels/views.ts";
import { cardinality, labelRows, outOfSet, parseFailures } from "../../evaluation/metrics/detail.ts";
import type { MetricName } from "../../evaluation/metrics/metrics.ts";
import { ceiling, score, scoreGroups } from "../../evaluation/metrics/score.ts";
import { singleLabel } from "../../evaluation/metrics/single-label.ts";
import { intern, tabulate } from "../../evaluation/metrics/table.ts";
import { type Intervals, intervalsOf } from "../../evaluation/statistics/intervals.ts";
import type { Json } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";
import type { StepKind } from "../plan/step.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type ArmMetrics, readResult, writeResult } from "../result-files.ts";
import { readAnswer } from "./answer.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import type { Response } from "./response.ts";
import type { Site } from "./site.ts";
import { groupsOf, synonymsOf } from "./synonyms.ts";

type Params = {
  readonly separator: string;
  readonly task: "label_set" | "single_label";
  /** Share of a vote that keeps a label; null where each case has one answer. */
  readonly min_share: number | null;
  /** The metrics that get an interval. */
  readonly metrics: readonly MetricName[];
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  readonly exp: string;
};

/** One scored case, as predictions.jsonl keeps it. */
export type Prediction = Response & {
  readonly gold: readonly string[];
  readonly labels: readonly string[];
  /** False where no label and no "none" could be read; the answer then counts as the empty set. */
  readonly parsed: boolean;
  readonly notes: readonly string[];
};

/** Reads every answer as labels and scores them in three views. */
export const evaluate: StepKind<Params> = {
  name: "evaluate",
  version: 3,
  cached: true,
  outputs: () => ["metrics.json", "predictions.jsonl"],
  async run({ separator, task, min_share, metrics: headline, bootstrap }, context) {
    const rows = readJsonLines<DataRow>(context.input("rows"));
    const vocabulary = readResult("labels.json", context.input("labels")).map(({ label }) => label);
    const synonyms = synonymsOf(context);
    const answers = new Map(readJsonLines<Response>(context.input("responses")).map((answer) => [answer.id, answer]));
    const reading = { separator, task, min_share, known: new Set(vocabulary) };

    const predictions = rows.map(({ id, gold }): Prediction => {
      const answer = answers.get(id);
      if (answer === undefined)
        throw new UserError("no-answer", `case ${id} has no answer`, { help: "run again with --force" });
      const { labels, parsed, notes } = readAnswer(answer, reading);
      return { ...answer, gold, labels, parsed, notes };
    });
    const cases = predictions.map(({ id, gold, labels }) => ({ id, gold, pred: labels }));
    const { n, views: scores } = score(cases, { synonyms, space: vocabulary });
    const interned = intern(cases);
    const tables = byView((view) => tabulate(interned, viewOf(view, synonyms), vocabulary));
    const drawn = await intervalsOf(
      views.map((view) => tables[view]),
      headline,
      bootstrap,
      context.pause,
    );
    const groups = groupsOf(context);
    const clean = cases.filter(({ gold }) => !isDirty(gold));
    const metrics: ArmMetrics = {
      n,
      views: scores,
      intervals: byView((view) => drawn[views.indexOf(view)] as Intervals),
      ceiling: ceiling(cases, vocabulary, { synonyms, space: vocabulary }).views,
      groups: groups === undefined ? null : scoreGroups(cases, groups, synonyms),
      single_label: task === "single_label" ? byView((view) => singleLabel(cases, viewOf(view, synonyms))) : null,
      without_dirty_gold: clean.length === n ? null : score(clean, { synonyms, space: vocabulary }),
      per_label: byView((view) => labelRows(tables[view])),
      cardinality: cardinality(tables.basic),
      out_of_set: byView((view) => outOfSet(cases, vocabulary, viewOf(view, synonyms))),
      parse_failures: parseFailures(predictions),
      truncated: predictions.filter(({ finish }) => finish === "length").length,
    };
    writeResult(context.output, "metrics.json", metrics);
    writeFileSync(join(context.output, "predictions.jsonl"), jsonLines(predictions));
    context.evidence({ cases: n } satisfies Record<string, Json>);
  },
};

function byView<T>(of: (view: View) => T): Record<View, T> {
  return { raw: of("raw"), basic: of("basic"), canonical: of("canonical") };
}

/** Share of a vote that keeps a label; null where each case has one answer. */
export function minShare({ generate }: Experiment): number | null {
  return "vote" in generate && generate.vote !== undefined ? generate.vote.min_share : null;
}

/** The metrics that tables show, the primary one always among them. */
export function headline({ evaluate }: Experiment): readonly MetricName[] {
  return [...new Set<MetricName>([...evaluate.metrics, evaluate.primary.metric])];
}

/** The score of one arm, on the rows that the experiment is evaluated on. */
export function draftEvaluate(experiment: Experiment, arm: Arm, site: Site) {
  const { labels } = experiment.data;
  const { bootstrap } = experiment.evaluate;
  return draft({
    id: stepOfArm("evaluate", arm),
    kind: evaluate.name,
    params: {
      separator: labels.separator,
      task: experiment.task,
      min_share: minShare(experiment),
      metrics: headline(experiment),
      bootstrap: { resamples: bootstrap.resamples, seed: bootstrap.seed },
      exp: site.version,
    },
    sources: {
      ...(labels.synonyms === undefined ? {} : { "data.labels.synonyms": labels.synonyms }),
      ...(labels.groups === undefined ? {} : { "data.labels.groups": labels.groups }),
    },
    inputs: {
      rows: { step: "data", file: `${experiment.evaluate.split}.jsonl` },
      labels: { step: "data", file: "labels.json" },
      responses: { step: stepOfArm("generate", arm), file: "responses.jsonl" },
    },
  });
}
