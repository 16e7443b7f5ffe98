import { type View, viewOf } from "../../data/labels/views.ts";
import type { MetricName } from "../../evaluation/metrics/metrics.ts";
import { compareAnswers } from "../../evaluation/statistics/comparison.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Draft, StepContext, StepKind } from "../plan/step.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { readResult, writeResult } from "../result-files.ts";
import { type Reading, readAnswer } from "./answer.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { minShare } from "./evaluate.ts";
import { draftGenerate } from "./generate.ts";
import { readJsonLines } from "./jsonl.ts";
import { needsMerge } from "./merge.ts";
import type { Response } from "./response.ts";
import type { Site } from "./site.ts";
import { synonymsOf } from "./synonyms.ts";

type Params = {
  readonly separator: string;
  readonly task: "label_set" | "single_label";
  readonly min_share: number | null;
  readonly primary: { readonly metric: MetricName; readonly view: View };
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  readonly exp: string;
};

/** The two forms of an adapter that was trained on a 4-bit base: on that base, and merged into the 16-bit base. */
const forms = ["merged_16bit", "adapter_4bit"] as const;

/** Measures how the primary metric changes if an adapter of a 4-bit base is merged into the 16-bit base: the result is another model. */
export const mergeCheck: StepKind<Params> = {
  name: "merge_check",
  version: 1,
  cached: true,
  outputs: () => ["merge_check.json"],
  async run({ separator, task, min_share, primary, bootstrap }, context) {
    const counts = readResult("labels.json", context.input("labels"));
    const space = new Set(counts.map(({ label }) => label));
    const reading: Reading = { separator, task, min_share, known: space };
    const rows = readJsonLines<DataRow>(context.input("rows"));
    const { metric, view } = primary;
    const { n, arms, pairs } = await compareAnswers(
      forms.map((name) => ({ name, seeds: [answersOf(name, rows, reading, context)] })),
      {
        view,
        of: viewOf(view, synonymsOf(context)),
        space,
        subject: forms[0],
        names: [metric],
        primary: metric,
        bootstrap: { resamples: bootstrap.resamples, seed: bootstrap.seed },
      },
      context.pause,
    );
    const change = pairs[0]?.metrics[metric];
    const found = { n, part: "validation" as const, view, metric, ...byForm((name) => arms[name]?.[metric]), change };
    writeResult(context.output, "merge_check.json", found);
    if (change === undefined) return;
    context.evidence({ cases: n, metric, difference: change.difference, low: change.low, high: change.high });
  },
};

function byForm<T>(of: (name: (typeof forms)[number]) => T): Record<(typeof forms)[number], T> {
  return { merged_16bit: of("merged_16bit"), adapter_4bit: of("adapter_4bit") };
}

function answersOf(form: string, rows: readonly DataRow[], reading: Reading, context: StepContext) {
  const answers = new Map(readJsonLines<Response>(context.input(form)).map((answer) => [answer.id, answer]));
  return rows.map(({ id, gold }) => ({ id, gold, labels: readAnswer(answers.get(id) as Response, reading).labels }));
}

/**
 * Whether an adapter of a 4-bit base is merged, with rows apart that can tell what that changes, and an engine that holds both.
 * Not for the points of a sweep, which are scored on validation rows: its winner is asked.
 */
export function comparesForms(experiment: Experiment): boolean {
  const { train, data, generate, evaluate } = experiment;
  const isFourBit = train?.method === "qlora" || train?.method === "qdora";
  return (
    isFourBit &&
    needsMerge(experiment) &&
    data.validation !== undefined &&
    evaluate.split === "test" &&
    engines.get(generate.engine).loads?.fourBit === true
  );
}

/** Answers to the validation rows by both forms, and the step that compares them. */
export function draftMergeCheck(experiment: Experiment, site: Site): readonly Draft[] {
  const { data, evaluate, generate, task } = experiment;
  const { metric, view } = evaluate.primary;
  const answering = (precision: "4bit" | "16bit"): Draft => {
    const asked = { ...experiment, generate: { ...generate, precision } } as Experiment;
    return {
      ...draftGenerate(asked, "tuned", site, "validation"),
      id: stepOfArm("generate", "tuned", `validation-${precision}`),
    };
  };
  const fourBit = answering("4bit");
  const sixteen = answering("16bit");
  const { adapter: _beside, ...inputs } = sixteen.inputs;
  const merged: Draft = { ...sixteen, inputs: { ...inputs, weights: { step: "merge", file: "merged/" } } };
  return [
    fourBit,
    merged,
    draft({
      id: "merge_check",
      kind: mergeCheck.name,
      params: {
        separator: data.labels.separator,
        task,
        min_share: minShare(experiment),
        primary: { metric, view },
        bootstrap: { resamples: evaluate.bootstrap.resamples, seed: evaluate.bootstrap.seed },
        exp: site.version,
      },
      sources: data.labels.synonyms === undefined ? {} : { "data.labels.synonyms": data.labels.synonyms },
      inputs: {
        labels: { step: "data", file: "labels.json" },
        rows: { step: "data", file: "validation.jsonl" },
        merged_16bit: { step: merged.id, file: "responses.jsonl" },
        adapter_4bit: { step: fourBit.id, file: "responses.jsonl" },
      },
    }),
  ];
}
