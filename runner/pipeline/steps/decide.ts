import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isNone } from "../../data/labels/none.ts";
import type { View } from "../../data/labels/views.ts";
import { type Blend, blend, type Margins, type Required } from "../../evaluation/baselines/ensemble.ts";
import { chooseByFrequency, type FrequencyChoice } from "../../evaluation/baselines/frequency-thresholds.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, FileOf, StepContext, StepKind } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { OpenTask } from "../../plugins/tasks/task.ts";
import type { Json } from "../../util/canonical.ts";
import { remembered } from "../../util/remember.ts";
import { UserError } from "../../util/user-error.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Decision, readResult, writeResult } from "../result-files.ts";
import { type Reading, readAnswer } from "./answer.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { microF1 } from "./ensemble.ts";
import { minShare } from "./evaluate.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { generateStep, type Part } from "./part.ts";
import type { Response } from "./response.ts";
import { decideStage, decisionsFile, marginsOfModel, readMargins } from "./scores.ts";
import { openTask, scoringFiles, type TaskParams, taskParams } from "./task.ts";

type Params = TaskParams & {
  readonly min_share: number | null;
  /** The view of the experiment's primary metric, in which labels are compared. */
  readonly view: View;
  /** Number of folds if the scored rows are the validation rows: the threshold of a fold is that of the other folds. */
  readonly folds?: number;
  readonly exp: string;
};

const folds = 5;

/** One answer with the scores of labels. */
export type ScoredAnswer = { readonly named: readonly string[]; readonly margins: Margins };

/**
 * Predicts the labels whose score is above a threshold. The score joins the probability of a label and whether the
 * answer names it. Threshold and weight are those with the best micro-F1 on validation rows. Frequent and rare labels
 * have thresholds of their own if cross-validation on these rows shows a gain. Gold of the scored rows is
 * not an input, except for validation rows themselves, which are decided by folds.
 */
export const decide: StepKind<Params> = {
  name: decideStage,
  version: 2,
  cached: true,
  outputs: () => [decisionsFile, "decision.json"],
  async run({ min_share, view, folds, ...params }, context) {
    const { predictionKey, labels: labelled } = tasks.get(params.task);
    if (labelled === undefined) throw new Error(`a threshold needs a task with labels, not ${params.task}`);
    const open = await openTask(params, context);
    const trained = readResult("labels.json", context.input("labels"));
    const vocabulary = trained.map(({ label }) => label);
    const reading: Reading = { open, predictionKey, minShare: min_share, labels: new Set(vocabulary) };
    const deciding = decidingOf(open, view, vocabulary, requiredOf(context, labelled.isSingle));
    const counts = new Map<string, number>();
    for (const { label, count } of trained)
      counts.set(deciding.of(label), (counts.get(deciding.of(label)) ?? 0) + count);
    const golds = new Map(
      readJsonLines<DataRow>(context.input("validation")).map(({ id, gold }) => [id, gold as readonly string[]]),
    );
    if (golds.size === 0) {
      throw new UserError(
        "needs-validation",
        "the validation split is empty: no threshold of the scores can be chosen",
        {
          help: "raise data.validation.fraction, or write generate.decision: answer",
        },
      );
    }
    const read = (part: Part) => answersOf(part, reading, context);
    const validation = read(folds === undefined ? "validation" : "eval").map((one) => ({
      ...one,
      gold: golds.get(one.answer.id) as readonly string[],
    }));
    const choose = (cases: typeof validation): FrequencyChoice => {
      const { of, required } = deciding;
      return chooseByFrequency(
        cases.map((one) => deciding.sources(one, one.gold)),
        of,
        required,
        counts,
      );
    };
    const { micro_f1, ...chosen } = choose(validation);
    const decided =
      folds === undefined
        ? read("eval").map((one) => ({ one, by: chosen as Blend }))
        : crossFitted(validation, folds, choose);
    const answers = decided.map(({ one, by }) => ({ answer: one.answer, ...deciding.decide(one, by) }));
    const tally = (of: (one: (typeof validation)[number]) => readonly string[]): number =>
      microF1(validation.map((one) => [open.parts(of(one), view), open.parts(one.gold, view)]));
    const decision: Decision = {
      ...chosen,
      view,
      required: deciding.required,
      validation: { n: validation.length, micro_f1, answer: tally(({ named }) => named) },
    };
    // The log-probability is that of the text, which is not the prediction any more.
    const lines = answers.map(({ answer: { logprob: _ofText, ...answer }, ...decided }) => ({ ...answer, ...decided }));
    writeFileSync(join(context.output, decisionsFile), jsonLines(lines));
    writeResult(context.output, "decision.json", decision);
    const { weight, threshold, bands, shrinkage, cross_validation } = chosen;
    context.evidence({
      ...(bands === undefined ? {} : { bands: bands as unknown as Json, shrinkage: shrinkage as number }),
      ...(cross_validation === undefined ? {} : { cross_validation }),
      ...{ weight, threshold, validation: validation.length, validation_micro_f1: micro_f1 },
      ...{ validation_answer_micro_f1: decision.validation.answer, ...(folds === undefined ? {} : { folds }) },
    });
  },
};

/** Decides cases by a blend of their answers and scores. */
export function decidingOf(open: OpenTask, view: View, vocabulary: readonly string[], required: Required) {
  const of = remembered((label: string): string => open.parts([label], view)[0] ?? "");
  const known = new Set(vocabulary.map(of));
  // A label outside the training rows has no score. "None" is scored as an answer, and is a label in some studies only.
  const sources = ({ named, margins }: ScoredAnswer) => ({
    named,
    margins: Object.fromEntries(Object.entries(margins).filter(([label]) => known.has(of(label)))),
  });
  return {
    of,
    required,
    sources: (one: ScoredAnswer, gold: readonly string[]) => ({ ...sources(one), gold }),
    decide(one: ScoredAnswer, chosen: Blend): { readonly labels: readonly string[]; readonly margins: Margins } {
      const { labels, margins } = blend(sources(one), chosen, of, required);
      const findings = labels.filter((label) => !isNone(label));
      return { labels: findings.length > 0 ? findings : labels, margins: rounded(margins) };
    },
  };
}

const rounded = (margins: Margins): Margins =>
  Object.fromEntries(Object.entries(margins).map(([label, margin]) => [label, Number(margin.toFixed(6))]));

/** How many labels a case must have: at least one if every training row has one and no label means "none". */
function requiredOf(context: StepContext, isSingle: boolean): Required {
  if (isSingle) return "exactly one";
  const allowed = readResult("answers.json", context.input("answers"));
  return allowed !== null && "none" in allowed && allowed.none === null ? "at least one" : "any number";
}

function answersOf(part: Part, reading: Reading, context: StepContext) {
  const margins = readMargins(context.input(`margins.${part}`));
  return readJsonLines<Response>(context.input(`model.${part}`)).map((answer) => ({
    answer,
    named: readAnswer(answer, reading).prediction as readonly string[],
    margins: margins.get(answer.id) ?? {},
  }));
}

/** Each case with what the cases of the other folds choose. */
function crossFitted<T, B>(cases: readonly T[], folds: number, choose: (cases: T[]) => B) {
  const count = Math.min(folds, cases.length);
  if (count < 2) return cases.map((one) => ({ one, by: choose([...cases]) }));
  const chosen = Array.from({ length: count }, (_, fold) => choose(cases.filter((_one, at) => at % count !== fold)));
  return cases.map((one, at) => ({ one, by: chosen[at % count] as B }));
}

/** The decision about the labels of an arm from its scores. */
export function draftDecide(experiment: Experiment, arm: Arm, site: Site): Draft {
  const isValidation = experiment.evaluate.split === "validation";
  const from = (part: Part) => ({
    [`model.${part}`]: { step: generateStep(arm, part), file: "responses.jsonl" },
    [`margins.${part}`]: marginsOfModel(experiment, arm, part) as FileOf,
  });
  return draft({
    id: stepOfArm(decide.name, arm),
    kind: decide.name,
    params: {
      ...taskParams(experiment),
      min_share: minShare(experiment),
      view: experiment.evaluate.primary.view,
      ...(isValidation ? { folds } : {}),
      exp: site.version,
    },
    sources: scoringFiles(experiment),
    inputs: {
      labels: { step: "data", file: "labels.json" },
      answers: { step: "data", file: "answers.json" },
      validation: { step: "data", file: "validation.jsonl" },
      ...(isValidation ? {} : from("validation")),
      ...from("eval"),
    },
  });
}
