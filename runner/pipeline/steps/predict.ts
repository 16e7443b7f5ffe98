import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, FileOf } from "../../plugins/step.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { subjectOf } from "./arms.ts";
import { draftCandidates } from "./candidates.ts";
import { draft } from "./draft.ts";
import { draftFetch } from "./fetch.ts";
import { draftGenerate } from "./generate.ts";
import { draftPreflight } from "./preflight.ts";
import { draftPrompt } from "./prompt.ts";

/** The rows that a prediction answers, in the form of the data step's files but without target. */
export const newRows = { step: "rows", file: "rows.jsonl" } as const;

/** The steps of a prediction. The steps in `given` are not built: their outputs exist. */
export type PredictionDrafts = {
  readonly drafts: readonly Draft[];
  readonly given: ReadonlySet<string>;
  /** The step that writes responses.jsonl. */
  readonly answers: string;
};

/**
 * The steps that answer new rows as an experiment answers its own: prompt, preflight and generation of its subject.
 * They read the rows of the training and the trained weights from steps of the run.
 */
export function draftsOfPrediction(experiment: Experiment, site: Site): PredictionDrafts {
  const arm = subjectOf(experiment);
  const { runsModel } = engines.get(experiment.generate.engine);
  const prompts = draftPrompt(experiment, arm);
  const shown = experiment.prompt.examples.count > 0 ? [] : ["candidates.train"];
  const unread = new Set(["train", "validation", "candidates.validation", ...shown]);
  const read = Object.entries<FileOf>(prompts.inputs).filter(([name]) => !unread.has(name));
  const answers = draftGenerate(experiment, arm, site);
  // The run stores no classifier: a stored one is code. The training rows of the run give the same one again.
  const candidates = draftCandidates(experiment, site, { id: "new_candidates", rows: newRows, crossFit: false });
  const built = [
    ...(candidates === undefined ? [] : [candidates]),
    {
      ...prompts,
      inputs: {
        ...Object.fromEntries(read),
        eval: newRows,
        ...(candidates === undefined ? {} : { "candidates.eval": { step: candidates.id, file: "eval.jsonl" } }),
      },
    },
    ...(runsModel ? [draftFetch(experiment, site), preflightOf(experiment, arm, site)] : []),
    answers,
  ];
  const own = new Set(built.map(({ id }) => id));
  const steps = built.flatMap(({ inputs }) => Object.values(inputs).map(({ step }) => step));
  const given = [...new Set(steps)].filter((step) => !own.has(step));
  return {
    // They are not built, so any kind of cached step will do. The parameters keep two of them from becoming one step.
    drafts: [...given.map((id) => draft({ id, kind: "data", params: { given: id } })), ...built],
    given: new Set(given),
    answers: answers.id,
  };
}

/** Preflight of a generation alone: no rules about a training or an upload. */
export function preflightOf(experiment: Experiment, arm: string, site: Site): Draft {
  const { train: _train, upload: _upload, ...generation } = experiment;
  const checks = draftPreflight(generation, site);
  return {
    ...checks,
    inputs: { ...checks.inputs, eval: { step: stepOfArm("prompt", arm), file: "eval.jsonl" } },
  };
}
