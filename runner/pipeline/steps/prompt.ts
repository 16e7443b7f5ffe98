import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../../config/schema.ts";
import { viewOf } from "../../data/labels/views.ts";
import { offeredLabels } from "../../data/labels.ts";
import type { Json } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";
import type { Draft, StepContext, StepKind } from "../plan/step.ts";
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
  /** The labels offered to the template, or null for none. */
  readonly labels: { readonly min_count: number; readonly order: "frequency" | "alphabetical" } | null;
  /** Training rows shown to the template; absent for none. */
  readonly examples?: ExampleChoice & { readonly [key: string]: Json };
};

/** Renders every case as the messages that the model is shown, without the answer. */
export const prompt: StepKind<Params> = {
  name: "prompt",
  version: 2,
  cached: true,
  outputs: () => ["train.jsonl", "validation.jsonl", "eval.jsonl"],
  async run(params, context) {
    const path = context.source("template");
    const labels = params.labels === null ? [] : offered(params.labels, context);
    // Imported here, so that commands which only plan do not load Handlebars.
    const { compileTemplate } = await import("../template.ts");
    const render = compileTemplate(readFileSync(path, "utf8"));
    for (const split of ["train", "validation", "eval"]) {
      const rows = context.hasInput(split) ? readJsonLines<DataRow>(context.input(split)) : [];
      const shown = params.examples && exampled(rows, params.examples, context);
      const rendered = rows.map(({ id, input, target }, at) => {
        const examples = shown?.[at] ?? [];
        const messages = render({ input, labels, examples });
        return { id, messages, target, ...(shown ? { examples: examples.map((one) => one.id) } : {}) };
      });
      writeFileSync(join(context.output, `${split}.jsonl`), jsonLines(rendered));
    }
  },
};

/** The examples of every case, as many as asked for: a prompt with fewer would be another prompt. */
function exampled(
  cases: readonly DataRow[],
  choice: ExampleChoice,
  context: StepContext,
): readonly (readonly DataRow[])[] {
  const shown = chooseExamples(readJsonLines<DataRow>(context.input("examples")), cases, choice);
  const short = shown.findIndex((examples) => examples.length < choice.count);
  if (short === -1) return shown;
  throw new UserError(
    "too-few-examples",
    `case ${cases[short]?.id} can be shown ${shown[short]?.length} training rows, and prompt.examples.count is ${choice.count}`,
    { help: "lower prompt.examples.count, or give more training rows: copies of the case itself do not count" },
  );
}

/** Names in use, spelt one way each: variants by case or by the study's synonyms would only fill the prompt. */
function offered(choice: NonNullable<Params["labels"]>, context: StepContext): readonly string[] {
  const counts = readResult("labels.json", context.input("labels"));
  return offeredLabels(counts, viewOf("canonical", synonymsOf(context)), choice);
}

/**
 * The prompts of one arm. Only the tuned arm's training rows are rendered, and only where examples are asked for are they read
 * as examples, so that nothing else depends on them. The zero-shot arm of a trained model is shown none.
 */
export function draftPrompt(experiment: Experiment, arm: Arm): Draft {
  const { prompt, evaluate } = experiment;
  const isFloor = isFloorOf(experiment, arm);
  const template = templateOf(experiment, arm);
  const examples = prompt.examples.count > 0 && !isFloor ? { ...prompt.examples } : undefined;
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

/** The template that an arm is prompted with. */
export function templateOf(experiment: Experiment, arm: Arm): string {
  return isFloorOf(experiment, arm) ? experiment.prompt.zero_shot : experiment.prompt.template;
}

/** Whether an arm is the untrained model beside a trained one. */
function isFloorOf({ train }: Experiment, arm: Arm): boolean {
  return train !== undefined && arm === "zero_shot";
}
