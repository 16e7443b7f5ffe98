import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { viewOf } from "../../data/labels/views.ts";
import { offeredLabels } from "../../data/labels.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Draft, StepContext, StepKind } from "../../plugins/step.ts";
import type { Json } from "../../util/canonical.ts";
import { readRegularFile } from "../../util/regular-file.ts";
import { UserError } from "../../util/user-error.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { readResult } from "../result-files.ts";
import { type Arm, hasEnsemble, subjectOf } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { chooseExamples, type ExampleChoice } from "./examples.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { synonymsOf } from "./synonyms.ts";
import { scoringFiles } from "./task.ts";

type Params = {
  /** Selection of the labels for the template; null: none. */
  readonly labels: { readonly min_count: number; readonly order: "frequency" | "alphabetical" } | null;
  /** Selection of the few-shot examples; absent: none. */
  readonly examples?: ExampleChoice & { readonly [key: string]: Json };
};

/** Signals are handled between groups of rows. A slow template takes up to seconds for one row. */
const rowsBetweenPauses = 16;

/** Renders every case as the messages of the prompt, without the answer. */
export const prompt: StepKind<Params> = {
  name: "prompt",
  version: 2,
  cached: true,
  outputs: () => ["train.jsonl", "validation.jsonl", "eval.jsonl"],
  async run(params, context) {
    const path = context.source("template");
    const labels = params.labels === null ? [] : promptLabels(params.labels, context);
    // Imported here, so that commands which only plan do not load Handlebars.
    const { compileTemplate } = await import("../template.ts");
    const render = compileTemplate(readRegularFile(path, "template").toString("utf8"));
    for (const split of ["train", "validation", "eval"]) {
      const rows = context.hasInput(split) ? readJsonLines<DataRow>(context.input(split)) : [];
      const shown = params.examples && examplesFor(rows, params.examples, context);
      const rendered: object[] = [];
      for (const [at, { id, input, target }] of rows.entries()) {
        if (at % rowsBetweenPauses === 0) await context.pause();
        const examples = shown?.[at] ?? [];
        const messages = render({ input, labels, examples });
        rendered.push({ id, messages, target, ...(shown ? { examples: examples.map((one) => one.id) } : {}) });
      }
      writeFileSync(join(context.output, `${split}.jsonl`), jsonLines(rendered));
    }
  },
};

/**
 * The examples of every case. Throws UserError if a case has fewer than `choice.count`, because its prompt would differ
 * in form.
 */
function examplesFor(
  cases: readonly DataRow[],
  choice: ExampleChoice,
  context: StepContext,
): readonly (readonly DataRow[])[] {
  const shown = chooseExamples(readJsonLines<DataRow>(context.input("examples")), cases, choice);
  const short = shown.findIndex((examples) => examples.length < choice.count);
  if (short === -1) return shown;
  throw new UserError(
    "too-few-examples",
    `case ${cases[short]?.id} has ${shown[short]?.length} possible examples, but prompt.examples.count is ${choice.count}`,
    { help: "lower prompt.examples.count, or add training rows; near-duplicates of the case do not count" },
  );
}

/** The labels of the training rows, one spelling of each: the canonical view merges variants. */
function promptLabels(choice: NonNullable<Params["labels"]>, context: StepContext): readonly string[] {
  const counts = readResult("labels.json", context.input("labels"));
  return offeredLabels(counts, viewOf("canonical", synonymsOf(context)), choice);
}

/**
 * The step that renders the prompts of one arm. Only the prompts of the tuned arm depend on the training rows, and
 * those of an arm with few-shot examples. The zero-shot arm of an experiment that trains has no examples.
 */
export function draftPrompt(experiment: Experiment, arm: Arm): Draft {
  const { prompt, evaluate } = experiment;
  const isUntrained = isUntrainedArm(experiment, arm);
  const template = templateOf(experiment, arm);
  const examples = prompt.examples.count > 0 && !isUntrained ? { ...prompt.examples } : undefined;
  const labels: Json = prompt.labels ? { min_count: prompt.labels.min_count, order: prompt.labels.order } : null;
  return draft({
    id: stepOfArm("prompt", arm),
    kind: "prompt",
    params: { labels, examples },
    sources: {
      template,
      ...(labels === null ? {} : scoringFiles(experiment)),
    },
    inputs: {
      eval: { step: "data", file: `${evaluate.split}.jsonl` },
      ...(labels ? { labels: { step: "data", file: "labels.json" } } : {}),
      ...(examples ? { examples: { step: "data", file: "train.jsonl" } } : {}),
      ...(arm === "tuned"
        ? { train: { step: "data", file: "train.jsonl" }, validation: { step: "data", file: "validation.jsonl" } }
        : hasEnsemble(experiment) && arm === subjectOf(experiment)
          ? { validation: { step: "data", file: "validation.jsonl" } }
          : {}),
    },
  });
}

/** The path of an arm's template. */
export function templateOf(experiment: Experiment, arm: Arm): string {
  return isUntrainedArm(experiment, arm) ? experiment.prompt.zero_shot : experiment.prompt.template;
}

/** Whether an arm is the untrained model of an experiment that trains. */
function isUntrainedArm({ train }: Experiment, arm: Arm): boolean {
  return train !== undefined && arm === "zero_shot";
}
