import type { Experiment } from "../../plugins/experiment.ts";
import { formats, type ModelExport } from "../../plugins/formats/registry.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, FileOf, StepKind } from "../../plugins/step.ts";
import type { Json } from "../../util/canonical.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Arm, subjectOf } from "./arms.ts";
import { draftCompare } from "./compare.ts";
import { draft } from "./draft.ts";
import { draftEvaluate } from "./evaluate.ts";
import { draftFetch } from "./fetch.ts";
import { draftGenerate } from "./generate.ts";
import { draftMerge } from "./merge.ts";
import { preflightOf } from "./predict.ts";
import { draftPrompt } from "./prompt.ts";
import { withoutScores } from "./scores.ts";

type Params = { readonly format: string };

/** Writes a whole model in another format. */
export const exportModel: StepKind<Params> = {
  name: "export",
  version: 1,
  cached: true,
  outputs: () => ["exported/"],
  run: (params, context) => formats.get(params.format).exportStep.run(params, context),
};

/** Answers prompts with an exported model. */
export const exportedAnswers: StepKind<Params> = {
  name: "exported_answers",
  version: 1,
  cached: true,
  outputs: () => ["responses.jsonl"],
  run: (params, context) => formats.get(params.format).answerStep.run(params, context),
};

/** The steps of an export, and the names of those whose outputs are shown. Steps in `given` are not built. */
export type ExportDrafts = {
  readonly drafts: readonly Draft[];
  readonly given: ReadonlySet<string>;
  readonly exported: string;
  /**
   * The steps that answer with the run's own model and with the exported one, and the arms of both; absent without
   * rows.
   */
  readonly scored?: { readonly own: Arm; readonly arm: Arm; readonly answers: readonly [string, string] };
};

/**
 * The steps that export the model of a run, and score it on the validation rows against the run's own answers to them.
 * `has` tells whether the run has a step: what it read and trained is taken from there. Without validation rows, and
 * with `scores` false, the model is exported only.
 */
export function draftsOfExport(
  experiment: Experiment,
  { format: name, type }: ModelExport,
  site: Site,
  { has, validates, scores }: { has(step: string): boolean; readonly validates: boolean; readonly scores: boolean },
): ExportDrafts {
  const { non_inferiority: _tested, ...evaluate } = experiment.evaluate;
  // Validation rows: the choice of a quantisation is a choice, and test rows must decide none.
  const plain = withoutScores(experiment);
  const on: Experiment = validates ? { ...plain, evaluate: { ...evaluate, split: "validation" } } : plain;
  const own = subjectOf(experiment);
  const { train } = experiment;
  const prompt = draftPrompt(on, own);
  const merges = train !== undefined && train.method !== "full" && !has("merge");
  const exported = draftExport(experiment, { format: name, type }, site, {
    id: "export",
    prompts: { step: prompt.id, file: "eval.jsonl" },
  });
  const model = [
    draftFetch(experiment, site),
    prompt,
    ...(merges ? [draftMerge({ ...on, train }, site)] : []),
    exported,
  ];
  const answers = validates && scores ? scoredDrafts(on, own, exported, { format: name, type }, site) : [];
  const drafts = [...model, ...answers];
  const built = new Set(drafts.map(({ id }) => id));
  const read = drafts.flatMap(({ inputs }) => Object.values<FileOf>(inputs).map(({ step }) => step));
  const given = [...new Set(read)].filter((step) => !built.has(step));
  return {
    // They are not built, so any kind of cached step will do. The parameters keep two of them from becoming one step.
    drafts: [...given.map((id) => draft({ id, kind: "data", params: { given: id } })), ...drafts],
    given: new Set(given),
    exported: exported.id,
    ...(answers.length > 0
      ? { scored: { own, arm: type, answers: [stepOfArm("generate", own), stepOfArm("generate", type)] } }
      : {}),
  };
}

/** The step that writes an experiment's model in a format; `prompts` are those that the file is compared on. */
export function draftExport(
  experiment: Experiment,
  { format: name, type }: ModelExport,
  site: Site,
  { id, prompts }: { readonly id: string; readonly prompts: FileOf },
): Draft {
  return formats.get(name).exportStep.draft(
    draft({
      id,
      kind: exportModel.name,
      params: { format: name, type, thinking: experiment.prompt.thinking, generation: choosing(experiment) },
      inputs: { model: { step: "fetch", file: "model.json" }, prompts, ...weightsOf(experiment) },
      localPaths: { model: site.model(experiment.model.base, experiment.model.revision).dir },
      needs: { cores: site.cores, gpus: 0, memory: 0 },
    }),
    { experiment, arm: subjectOf(experiment), site },
  );
}

/** The step that answers with an exported model what the run's own model answers in `asked`. */
export function draftExportedAnswers(
  experiment: Experiment,
  { format: name, type }: ModelExport,
  site: Site,
  { id, asked, exported }: { readonly id: string; readonly asked: Draft; readonly exported: Draft },
): Draft {
  const { model: _model, weights: _weights, adapter: _adapter, ...prompts } = asked.inputs as Record<string, FileOf>;
  return formats.get(name).answerStep.draft(
    draft({
      id,
      kind: exportedAnswers.name,
      params: {
        ...{ format: name, thinking: experiment.prompt.thinking },
        ...choosing(experiment),
        ...answering(experiment),
      },
      inputs: { ...prompts, export: { step: exported.id, file: "exported/" } },
      localPaths: asked.localPaths,
      // Its speed is measured, so no other step runs at the same time.
      needs: { cores: site.cores, gpus: 0, memory: 0 },
    }),
    { experiment, arm: type, site },
  );
}

/** The answers and scores of both models, and their comparison. */
function scoredDrafts(
  on: Experiment,
  own: Arm,
  exported: Draft,
  { format: name, type }: ModelExport,
  site: Site,
): readonly Draft[] {
  const asked = draftGenerate(on, own, site);
  const answers = draftExportedAnswers(on, { format: name, type }, site, {
    ...{ id: stepOfArm("generate", type), asked, exported },
  });
  const ownScore = draftEvaluate(on, own, site);
  const score: Draft = {
    ...ownScore,
    id: stepOfArm("evaluate", type),
    inputs: { ...ownScore.inputs, responses: { step: answers.id, file: "responses.jsonl" } },
  };
  const compared = draftCompare(on, [ownScore, score], site, { contrasts: [], interactions: [] });
  return [
    preflightOf(on, own, site),
    asked,
    answers,
    ownScore,
    score,
    { ...compared, params: { ...(compared.params as Record<string, Json>), subject: type } },
  ];
}

/** The whole trained model of a run; none for the untrained one. */
function weightsOf({ train }: Experiment): Readonly<Record<string, FileOf>> {
  if (train === undefined) return {};
  const weights = train.method === "full" ? { step: "train", file: "model/" } : { step: "merge", file: "merged/" };
  return { weights };
}

/** The keys of `generate` that choose tokens, for every engine that runs a model. */
function choosing({ generate }: Experiment): Record<string, Json> {
  const { max_new_tokens, temperature, top_p, top_k, seed } = generate;
  const isDrawn = (temperature ?? 0) > 0;
  return defined({ max_new_tokens, temperature, top_p, top_k, seed: isDrawn ? seed : undefined });
}

/** The keys of `generate` that decide how a case is answered with the chosen tokens. */
function answering({ generate }: Experiment): Record<string, Json> {
  return defined({ constrain: generate.constrain, samples: generate.vote?.samples });
}

function defined(values: Readonly<Record<string, Json | undefined>>): Record<string, Json> {
  const found: Record<string, Json> = {};
  for (const [name, value] of Object.entries(values)) if (value !== undefined) found[name] = value;
  return found;
}
