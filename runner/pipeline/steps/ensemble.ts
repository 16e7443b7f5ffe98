import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { View } from "../../data/labels/views.ts";
import { blend, chooseBlend, type Sources } from "../../evaluation/baselines/ensemble.ts";
import { f1 } from "../../evaluation/error-analysis/case.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepContext, StepKind } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { UserError } from "../../util/user-error.ts";
import { readResult, writeResult } from "../result-files.ts";
import { type Reading, readAnswer } from "./answer.ts";
import { ensembleClassifiers, subjectOf } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { minShare } from "./evaluate.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { generateStep, type Part } from "./part.ts";
import type { Response } from "./response.ts";
import { marginsOfModel, readMargins } from "./scores.ts";
import { openTask, scoringFiles, type TaskParams, taskParams } from "./task.ts";

type Params = TaskParams & {
  readonly min_share: number | null;
  /** The baselines that may be the classifier, from the simplest to the strongest. */
  readonly classifiers: readonly string[];
  /** The view of the experiment's primary metric, in which labels are compared. */
  readonly view: View;
  readonly exp: string;
};

/**
 * Combines the labels of the language model, and its scores of labels if it has some, with the margins of a classifier.
 * The classifier is the one with the best micro-F1 on validation rows; of equal ones, the strongest kind. The weight
 * and the threshold are those with the best micro-F1 of the combination there. Gold of the scored rows is not an input.
 */
export const ensemble: StepKind<Params> = {
  name: "ensemble",
  version: 3,
  cached: true,
  outputs: () => ["responses.jsonl", "margins.jsonl", "ensemble.json"],
  async run({ min_share, classifiers, view, ...params }, context) {
    const counts = readResult("labels.json", context.input("labels"));
    const { labels: labelled, predictionKey } = tasks.get(params.task);
    if (labelled === undefined) throw new Error(`an ensemble needs a task with labels, not ${params.task}`);
    const open = await openTask(params, context);
    const labels = new Set(counts.map(({ label }) => label));
    const reading: Reading = { open, predictionKey, minShare: min_share, labels };
    const of = (label: string): string => open.parts([label], view)[0] ?? "";
    const golds = new Map(
      readJsonLines<DataRow>(context.input("validation")).map(({ id, gold }) => [id, gold as readonly string[]]),
    );
    if (golds.size === 0) {
      throw new UserError(
        "needs-validation",
        "the validation split is empty: the weights of the ensemble cannot be chosen",
        {
          help: "raise data.validation.fraction, or leave ensemble out of baselines",
        },
      );
    }
    const goldParts = new Map([...golds].map(([id, gold]) => [id, open.parts(gold, view)]));
    const scores = Object.fromEntries(
      classifiers.map((name) => {
        const answers = readJsonLines<Response>(context.input(`${name}.answers`));
        const cases = answers.map(
          ({ id, labels = [] }) => [open.parts(labels, view), goldParts.get(id) ?? []] as const,
        );
        return [name, microF1(cases)];
      }),
    );
    const classifier = classifiers.reduce((best, name) =>
      (scores[name] as number) >= (scores[best] as number) ? name : best,
    );
    const cases = sourcesOf(classifier, "validation", reading, context).map(({ id, ...sources }) => ({
      ...sources,
      gold: golds.get(id) as readonly string[],
    }));
    const required = labelled.isSingle ? "exactly one" : "any number";
    const { micro_f1, ...by } = chooseBlend(cases, of, required);
    const chosen = {
      classifier,
      ...by,
      view,
      validation: {
        n: cases.length,
        micro_f1,
        model: microF1(cases.map(({ named, gold }) => [open.parts(named, view), open.parts(gold, view)])),
        classifiers: scores,
      },
    };
    const blended = sourcesOf(classifier, "eval", reading, context).map(({ id, ...sources }) => ({
      id,
      ...blend(sources, by, of, required),
    }));
    const save = (name: string, lines: readonly object[]): void =>
      writeFileSync(join(context.output, name), jsonLines(lines));
    save(
      "responses.jsonl",
      blended.map(({ id, labels }) => ({ id, labels })),
    );
    save(
      "margins.jsonl",
      blended.map(({ id, margins }) => ({ id, margins })),
    );
    writeResult(context.output, "ensemble.json", chosen);
    context.evidence({ classifier, ...by, validation: cases.length, validation_micro_f1: micro_f1 });
  },
};

/** The labels of the model and the margins of the classifier for every row. */
function sourcesOf(
  classifier: string,
  part: Part,
  reading: Reading,
  context: StepContext,
): readonly (Sources & { readonly id: string })[] {
  const margins = readMargins(context.input(`${classifier}.${part}`));
  const name = `scores.${part}`;
  const scores = context.hasInput(name) ? readMargins(context.input(name)) : undefined;
  return readJsonLines<Response>(context.input(`model.${part}`)).map((answer) => {
    const own = margins.get(answer.id);
    if (own === undefined) throw new Error(`${classifier} has no margins for case ${answer.id}`);
    const named = readAnswer(answer, reading).prediction as readonly string[];
    return { id: answer.id, named, margins: own, ...(scores && { scores: scores.get(answer.id) ?? {} }) };
  });
}

/** Micro-F1 of predictions. */
export function microF1(cases: readonly (readonly [found: readonly string[], gold: readonly string[]])[]): number {
  const tally = { support: 0, predicted: 0, hits: 0 };
  for (const [found, gold] of cases) {
    tally.support += gold.length;
    tally.predicted += found.length;
    tally.hits += found.filter((label) => gold.includes(label)).length;
  }
  return f1(tally);
}

/** The answers of the model that the experiment is about and of a classifier, as one arm. */
export function draftEnsemble(experiment: Experiment, site: Site): Draft {
  const classifiers = ensembleClassifiers(experiment);
  const subject = subjectOf(experiment);
  const scoresIn = (part: Part) => {
    const scores = marginsOfModel(experiment, subject, part);
    return scores === undefined ? {} : { [`scores.${part}`]: scores };
  };
  const from = (part: Part) => ({
    [`model.${part}`]: { step: generateStep(subject, part), file: "responses.jsonl" },
    ...scoresIn(part),
    ...Object.fromEntries(
      classifiers.map((name) => [`${name}.${part}`, { step: generateStep(name, part), file: "margins.jsonl" }]),
    ),
  });
  return draft({
    id: generateStep("ensemble"),
    kind: ensemble.name,
    params: {
      ...taskParams(experiment),
      min_share: minShare(experiment),
      classifiers,
      view: experiment.evaluate.primary.view,
      exp: site.version,
    },
    sources: scoringFiles(experiment),
    inputs: {
      labels: { step: "data", file: "labels.json" },
      validation: { step: "data", file: "validation.jsonl" },
      ...Object.fromEntries(
        classifiers.map((name) => [
          `${name}.answers`,
          { step: generateStep(name, "validation"), file: "responses.jsonl" },
        ]),
      ),
      ...from("validation"),
      ...from("eval"),
    },
  });
}
