import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../../config/schema.ts";
import { type View, viewLabels, viewOf } from "../../data/labels/views.ts";
import { blend, chooseBlend, type Heard } from "../../evaluation/baselines/ensemble.ts";
import { UserError } from "../../util/user-error.ts";
import type { Draft, StepContext, StepKind } from "../plan/step.ts";
import { readResult, writeResult } from "../result-files.ts";
import { type Reading, readAnswer } from "./answer.ts";
import { ensembleBaseline, subjectOf } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { minShare } from "./evaluate.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { generateStep, type Part } from "./part.ts";
import type { Response } from "./response.ts";
import type { Site } from "./site.ts";
import { synonymsOf } from "./synonyms.ts";

type Params = {
  readonly separator: string;
  readonly task: "label_set" | "single_label";
  readonly min_share: number | null;
  /** The view of the experiment's primary metric, in which labels are put together. */
  readonly view: View;
  readonly exp: string;
};

/**
 * Puts the language model's labels and the classifier's margins together. What each counts, and from which score on a label is
 * given, is what has the best micro-F1 on the validation rows; the right answers of the scored rows are not among its inputs.
 */
export const ensemble: StepKind<Params> = {
  name: "ensemble",
  version: 1,
  cached: true,
  outputs: () => ["responses.jsonl", "ensemble.json"],
  async run({ separator, task, min_share, view }, context) {
    const counts = readResult("labels.json", context.input("labels"));
    const reading: Reading = { separator, task, min_share, known: new Set(counts.map(({ label }) => label)) };
    const of = viewOf(view, synonymsOf(context));
    const single = task === "single_label";
    const golds = new Map(readJsonLines<DataRow>(context.input("validation")).map(({ id, gold }) => [id, gold]));
    if (golds.size === 0) {
      throw new UserError(
        "needs-validation",
        "no row is left for validation: nothing can choose the ensemble's weights",
        {
          help: "raise data.validation.fraction, or leave ensemble out of baselines",
        },
      );
    }
    const known = heardOf("validation", reading, context).map(({ id, ...heard }) => ({
      ...heard,
      gold: golds.get(id) as readonly string[],
    }));
    const { weight, threshold, micro_f1 } = chooseBlend(known, of, single);
    const svm = new Map(
      readJsonLines<Response>(context.input("baseline.answers")).map(({ id, labels }) => [id, labels]),
    );
    const chosen = {
      weight,
      threshold,
      view,
      validation: {
        n: known.length,
        micro_f1,
        model: microF1(known.map(({ named, gold }) => [viewLabels(named, of), viewLabels(gold, of)])),
        baseline: microF1([...golds].map(([id, gold]) => [viewLabels(svm.get(id) ?? [], of), viewLabels(gold, of)])),
      },
    };
    const responses = heardOf("eval", reading, context).map(({ id, ...heard }) => ({
      id,
      labels: blend(heard, { weight, threshold }, of, single),
    }));
    writeFileSync(join(context.output, "responses.jsonl"), jsonLines(responses));
    writeResult(context.output, "ensemble.json", chosen);
    context.evidence({ weight, threshold, validation: known.length, validation_micro_f1: micro_f1 });
  },
};

/** What model and classifier say of every row of a part. */
function heardOf(part: Part, reading: Reading, context: StepContext): readonly (Heard & { readonly id: string })[] {
  type Margins = { readonly id: string; readonly margins: Heard["margins"] };
  const margins = new Map(
    readJsonLines<Margins>(context.input(`baseline.${part}`)).map((row) => [row.id, row.margins]),
  );
  return readJsonLines<Response>(context.input(`model.${part}`)).map((answer) => {
    const own = margins.get(answer.id);
    if (own === undefined) throw new Error(`${ensembleBaseline} has no margins for case ${answer.id}`);
    return { id: answer.id, named: readAnswer(answer, reading).labels, margins: own };
  });
}

function microF1(cases: readonly (readonly [found: readonly string[], gold: readonly string[]])[]): number {
  const right = cases.reduce((sum, [found, gold]) => sum + found.filter((label) => gold.includes(label)).length, 0);
  const both = cases.reduce((sum, [found, gold]) => sum + found.length + gold.length, 0);
  return both === 0 ? 0 : (2 * right) / both;
}

/** The answers of the model that the experiment is about and of the classifier, as one arm. */
export function draftEnsemble(experiment: Experiment, site: Site): Draft {
  const { labels } = experiment.data;
  const from = (part: Part) => ({
    [`model.${part}`]: { step: generateStep(subjectOf(experiment), part), file: "responses.jsonl" },
    [`baseline.${part}`]: { step: generateStep(ensembleBaseline, part), file: "margins.jsonl" },
  });
  return draft({
    id: generateStep("ensemble"),
    kind: ensemble.name,
    params: {
      separator: labels.separator,
      task: experiment.task,
      min_share: minShare(experiment),
      view: experiment.evaluate.primary.view,
      exp: site.version,
    },
    sources: labels.synonyms === undefined ? {} : { "data.labels.synonyms": labels.synonyms },
    inputs: {
      labels: { step: "data", file: "labels.json" },
      validation: { step: "data", file: "validation.jsonl" },
      "baseline.answers": { step: generateStep(ensembleBaseline, "validation"), file: "responses.jsonl" },
      ...from("validation"),
      ...from("eval"),
    },
  });
}
