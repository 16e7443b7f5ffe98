import type { View } from "../../data/labels/views.ts";
import { compareAnswers } from "../../evaluation/statistics/comparison.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepContext, StepKind } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
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
import { withoutScores } from "./scores.ts";
import { openMetrics, openTask, scoringFiles, type TaskParams, taskParams, withOwnMetrics } from "./task.ts";

type Params = TaskParams & {
  readonly min_share: number | null;
  readonly primary: { readonly metric: string; readonly view: View };
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  readonly exp: string;
};

/** The two forms of an adapter that was trained on a 4-bit base: on that base, and merged into the 16-bit base. */
const forms = ["merged_16bit", "adapter_4bit"] as const;

/**
 * Measures how the primary metric changes if an adapter of a 4-bit base is merged into the 16-bit base: the result is
 * another model.
 */
export const mergeCheck: StepKind<Params> = {
  name: "merge_check",
  version: 4,
  cached: true,
  outputs: () => ["merge_check.json"],
  async run({ min_share, primary, bootstrap, ...params }, context) {
    const counts = readResult("labels.json", context.input("labels"));
    const space = counts.map(({ label }) => label);
    const task = tasks.get(params.task);
    const open = await openTask(params, context);
    const { predictionKey } = task;
    const reading: Reading = { open, predictionKey, minShare: min_share, labels: new Set(space) };
    const rows = readJsonLines<DataRow>(context.input("rows"));
    const { metric, view } = primary;
    const { n, arms, pairs } = await compareAnswers(
      forms.map((name) => ({ name, seeds: [answersOf(name, rows, reading, context)] })),
      {
        view,
        scorer: (cases) => open.scorer(cases)(view, space),
        subject: forms[0],
        metrics: [openMetrics(params, context).get(metric)],
        primary: metric,
        bootstrap: { resamples: bootstrap.resamples, seed: bootstrap.seed },
      },
      context.pause,
    );
    const change = pairs[0]?.metrics[metric];
    const found = { n, part: "validation" as const, view, metric, ...byForm((name) => arms[name]?.[metric]), change };
    writeResult(context.output, "merge_check.json", found);
    if (change === undefined) return;
    const { difference, low, high } = change;
    context.evidence({ cases: n, metric, difference, ...(low === undefined ? {} : { low, high }) });
  },
};

function byForm<T>(of: (name: (typeof forms)[number]) => T): Record<(typeof forms)[number], T> {
  return { merged_16bit: of("merged_16bit"), adapter_4bit: of("adapter_4bit") };
}

function answersOf(form: string, rows: readonly DataRow[], reading: Reading, context: StepContext) {
  const answers = new Map(readJsonLines<Response>(context.input(form)).map((answer) => [answer.id, answer]));
  return rows.map(({ id, gold, group }) => {
    const { prediction, parsed } = readAnswer(answers.get(id) as Response, reading);
    return { id, gold, group, prediction, parsed };
  });
}

/**
 * Whether an adapter of a 4-bit base is merged, validation rows can measure the change, and the engine can run both
 * forms. Not for the candidates of a sweep, which are scored on validation rows.
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
  const { evaluate } = experiment;
  const { metric, view } = evaluate.primary;
  const plain = withoutScores(experiment);
  const answering = (precision: "4bit" | "16bit"): Draft => {
    const variant = { ...plain, generate: { ...plain.generate, precision } } as Experiment;
    return {
      ...draftGenerate(variant, "tuned", site, "validation"),
      id: stepOfArm("generate", "tuned", `validation-${precision}`),
    };
  };
  const fourBit = answering("4bit");
  const sixteen = answering("16bit");
  const { adapter: _merged, ...inputs } = sixteen.inputs;
  const merged: Draft = { ...sixteen, inputs: { ...inputs, weights: { step: "merge", file: "merged/" } } };
  return [
    fourBit,
    merged,
    withOwnMetrics(
      draft({
        id: "merge_check",
        kind: mergeCheck.name,
        params: {
          ...taskParams(experiment),
          min_share: minShare(experiment),
          primary: { metric, view },
          bootstrap: { resamples: evaluate.bootstrap.resamples, seed: evaluate.bootstrap.seed },
          exp: site.version,
        },
        sources: scoringFiles(experiment),
        inputs: {
          labels: { step: "data", file: "labels.json" },
          rows: { step: "data", file: "validation.jsonl" },
          merged_16bit: { step: merged.id, file: "responses.jsonl" },
          adapter_4bit: { step: fourBit.id, file: "responses.jsonl" },
        },
      }),
      experiment,
      site,
    ),
  ];
}
