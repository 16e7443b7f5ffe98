import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { basicForm } from "../../data/labels/basic.ts";
import { viewLabels, viewOf } from "../../data/labels/views.ts";
import { offeredLabels } from "../../data/labels.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Draft, StepContext, StepKind } from "../../plugins/step.ts";
import type { Instruction } from "../../plugins/tasks/task.ts";
import type { Json } from "../../util/canonical.ts";
import { readRegularFile } from "../../util/regular-file.ts";
import { UserError } from "../../util/user-error.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { readResult } from "../result-files.ts";
import type { Message } from "../template.ts";
import { type Arm, hasEnsemble, subjectOf } from "./arms.ts";
import { type CandidateRow, candidatesStep } from "./candidates.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { chooseExamples, type ExampleChoice } from "./examples.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { hasThreshold } from "./scores.ts";
import { type SuspectRow, suspectsFile, suspectsStep } from "./suspects.ts";
import { synonymsOf } from "./synonyms.ts";
import { instructionOf, openTask, parsingParams, scoringFiles, taskOf } from "./task.ts";

type Params = {
  /** Selection of the labels for the template; null: none. */
  readonly labels: { readonly min_count: number; readonly order: "frequency" | "alphabetical" } | null;
  /** Selection of the few-shot examples; absent: none. */
  readonly examples?: ExampleChoice & { readonly [key: string]: Json };
  /** Number of candidates in each prompt; absent: none. */
  readonly candidates?: number;
  /** What the last message gets in addition, because the template is not written for an untrained model. */
  readonly instruction?: Instruction & { readonly [key: string]: Json };
  /** The task whose form the instruction contains; absent for an instruction without. */
  readonly task?: string;
  readonly parsing?: Json;
  /** Names of several input columns, which are variables of the template; absent without. */
  readonly names?: readonly string[];
  /** "user": the text of system messages is part of the user's message. Absent: it is a message of its own. */
  readonly system?: "user";
};

/** The most labels that an instruction lists. */
const mostLabels = 200;

/** Signals are handled between groups of rows. A slow template takes up to seconds for one row. */
const rowsBetweenPauses = 16;

/** The labels that an instruction lists if the experiment does not select them. */
const allLabels = { min_count: 1, order: "frequency" } as const;

/** The splits whose rows are rendered. */
const splits = ["train", "validation", "eval"] as const;

/** Renders every case as the messages of the prompt, without the answer. */
export const prompt: StepKind<Params> = {
  name: "prompt",
  version: 4,
  cached: true,
  outputs: () => ["train.jsonl", "validation.jsonl", "eval.jsonl"],
  async run(params, context) {
    const path = context.source("template");
    const { task, parsing = null } = params;
    const form = task === undefined ? undefined : (await openTask({ task, parsing }, context)).form;
    const labels = params.labels === null ? [] : promptLabels(params.labels, context);
    // Imported here, so that commands which only plan do not load Handlebars.
    const { compileTemplate, foldSystem, withTurns } = await import("../template.ts");
    const render = compileTemplate(readRegularFile(path, "template").toString("utf8"), { names: params.names });
    const recall: Record<string, number> = {};
    const candidatesOf = (split: string) => readCandidates(split, params.candidates, context);
    const ofTraining = params.examples === undefined ? undefined : candidatesOf("train");
    const factors = context.hasInput("suspects")
      ? new Map(readJsonLines<SuspectRow>(context.input("suspects")).map(({ id, weight }) => [id, weight]))
      : undefined;
    for (const split of splits) {
      const rows = context.hasInput(split) ? readJsonLines<DataRow>(context.input(split)) : [];
      const shown = params.examples && examplesFor(rows, params.examples, context);
      const listed = rows.length === 0 ? undefined : candidatesOf(split);
      if (listed !== undefined) recall[split] = recallOf(rows, listed);
      const rendered: object[] = [];
      for (const [at, { id, input, fields, turns, target, weight: written }] of rows.entries()) {
        if (at % rowsBetweenPauses === 0) await context.pause();
        const weight = split === "train" && factors !== undefined ? (written ?? 1) * (factors.get(id) ?? 1) : written;
        const examples = shown?.[at] ?? [];
        const own = listed?.(id);
        const values = {
          ...{ input, fields, labels, ...own },
          examples: ofTraining ? examples.map((one) => ({ ...one, ...ofTraining(one.id) })) : examples,
        };
        const text = instructed(render(values), labels, params.instruction, form);
        const whole = turns === undefined ? text : withTurns(text, turns);
        const messages = params.system === "user" ? foldSystem(whole) : whole;
        rendered.push({
          ...{ id, messages, target },
          ...(weight === undefined ? {} : { weight }),
          ...(shown ? { examples: examples.map((one) => one.id) } : {}),
          ...(own ? { candidates: own.candidates } : {}),
        });
      }
      writeFileSync(join(context.output, `${split}.jsonl`), jsonLines(rendered));
    }
    if (params.candidates !== undefined) context.evidence({ candidate_recall: recall });
  },
};

/** The candidates of a row by its id, and those of them that the classifier predicts. */
type CandidatesOf = (id: string) => { readonly candidates: readonly string[]; readonly predicted: readonly string[] };

/** The first `count` candidates of the rows of a split; undefined if the step has none. */
function readCandidates(split: string, count: number | undefined, context: StepContext): CandidatesOf | undefined {
  if (count === undefined || !context.hasInput(`candidates.${split}`)) return undefined;
  const rows = readJsonLines<CandidateRow>(context.input(`candidates.${split}`));
  const known = new Map(
    rows.map(({ id, candidates, predicted }) => {
      const shown = candidates.slice(0, count).map(({ label }) => label);
      return [id, { candidates: shown, predicted: shown.slice(0, predicted) }];
    }),
  );
  return (id) => {
    const own = known.get(id);
    if (own === undefined) throw new Error(`no candidates for ${split} row ${id}`);
    return own;
  };
}

/** The share of the rows' labels that are among their candidates, in the basic view. 0 for rows without labels. */
function recallOf(rows: readonly DataRow[], candidatesOf: CandidatesOf): number {
  let [labels, found] = [0, 0];
  for (const { id, gold = [] } of rows) {
    const listed = new Set(viewLabels(candidatesOf(id).candidates, basicForm));
    const own = viewLabels(gold as readonly string[], basicForm);
    labels += own.length;
    found += own.filter((label) => listed.has(label)).length;
  }
  return labels === 0 ? 0 : found / labels;
}

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

/** The messages with the instruction at the end of the last one. */
export function instructed(
  messages: readonly Message[],
  labels: readonly string[],
  instruction: Instruction | undefined,
  form?: string,
): readonly Message[] {
  const last = messages.at(-1);
  if (instruction === undefined || last === undefined) return messages;
  const list = labels.length === 0 ? "" : `${instruction.labels}: ${labels.slice(0, mostLabels).join("; ")}.\n`;
  const sentences = `${list}${instruction.form}${form === undefined ? "" : `\n${form}`}`;
  return [...messages.slice(0, -1), { ...last, content: `${last.content}\n\n${sentences}` }];
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
  const instruction = isInstructed(experiment, arm) ? instructionOf(experiment) : undefined;
  const offered = prompt.labels ?? (instruction && taskOf(experiment).labels ? allLabels : undefined);
  const names = Object.keys(experiment.data.columns.inputs ?? {});
  const top = prompt.candidates?.top;
  const labels: Json = offered ? { min_count: offered.min_count, order: offered.order } : null;
  const rows = {
    eval: { step: "data", file: `${evaluate.split}.jsonl` },
    ...(arm === "tuned"
      ? { train: { step: "data", file: "train.jsonl" }, validation: { step: "data", file: "validation.jsonl" } }
      : (hasEnsemble(experiment) && arm === subjectOf(experiment)) || hasThreshold(experiment, arm)
        ? { validation: { step: "data", file: "validation.jsonl" } }
        : {}),
  };
  const withCandidates =
    top === undefined ? [] : splits.filter((split) => split in rows || (split === "train" && examples));
  return draft({
    id: stepOfArm("prompt", arm),
    kind: "prompt",
    params: {
      ...{ labels, examples },
      ...(names.length > 0 ? { names } : {}),
      ...(top === undefined ? {} : { candidates: top }),
      ...(instruction ? { instruction: { ...instruction } } : {}),
      ...(instruction?.hasForm ? parsingParams(experiment) : {}),
      ...(prompt.system === "user" ? { system: prompt.system } : {}),
    },
    sources: {
      template,
      ...(labels === null && !instruction?.hasForm ? {} : scoringFiles(experiment)),
    },
    inputs: {
      ...rows,
      ...Object.fromEntries(
        withCandidates.map((split) => [`candidates.${split}`, { step: candidatesStep, file: `${split}.jsonl` }]),
      ),
      ...(arm === "tuned" && experiment.train?.suspects !== undefined
        ? { suspects: { step: suspectsStep, file: suspectsFile } }
        : {}),
      ...(labels === null ? {} : { labels: { step: "data", file: "labels.json" } }),
      ...(examples ? { examples: { step: "data", file: "train.jsonl" } } : {}),
    },
  });
}

/** The path of an arm's template. */
export function templateOf(experiment: Experiment, arm: Arm): string {
  const { template, zero_shot = template } = experiment.prompt;
  return isUntrainedArm(experiment, arm) ? zero_shot : template;
}

/** Whether an arm gets the template of the trained model and, in addition, the instruction of the task. */
export function isInstructed(experiment: Experiment, arm: Arm): boolean {
  return isUntrainedArm(experiment, arm) && experiment.prompt.zero_shot === undefined;
}

/** Whether an arm is the untrained model of an experiment that trains. */
function isUntrainedArm({ train }: Experiment, arm: Arm): boolean {
  return train !== undefined && arm === "zero_shot";
}
