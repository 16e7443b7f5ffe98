import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, FileOf, StepKind } from "../../plugins/step.ts";
import { inPython } from "../../plugins/step-work.ts";
import { draft } from "./draft.ts";
import { groupsInput, groupsSource } from "./label-groups.ts";
import { oneCore } from "./needs.ts";
import { taskOf } from "./task.ts";

/** The candidates of one row, the best first, as a line of the step's files. */
export type CandidateRow = {
  readonly id: string;
  readonly candidates: readonly { readonly label: string; readonly score: number }[];
  /** How many of them, the first ones, the classifier predicts. */
  readonly predicted: number;
};

type Params = {
  /** The baseline that gives the scores. */
  readonly classifier: string;
  /** Whether training rows get candidates, from classifiers that are fitted without them. */
  readonly cross_fit: boolean;
};

const program = () => ({ module: "recipes.baselines.candidates", environment: defaultEnvironment() });

/** The labels that a classifier finds most likely for each row. It is fitted to the training rows. */
export const candidates: StepKind<Params> = {
  name: "candidates",
  version: 2,
  cached: true,
  outputs: () => ["train.jsonl", "validation.jsonl", "eval.jsonl"],
  run: async (_params, context) => context.python(program(), groupsInput(context)),
};

/** The step with the candidates of an experiment's rows. */
export const candidatesStep = "candidates";

/** Whether the candidates of training rows are shown: to a model that is trained, or next to few-shot examples. */
const showsTraining = ({ train, prompt }: Experiment): boolean => train !== undefined || prompt.examples.count > 0;

/**
 * The step that the prompts get candidates from; undefined without `prompt.candidates` and `from`, which is the
 * baseline in its place. `rows` are the rows in place of the evaluated and validation rows. `crossFit` requests
 * candidates of training rows that the experiment does not show.
 */
export function draftCandidates(
  experiment: Experiment,
  site: Site,
  {
    id = candidatesStep,
    rows,
    from = experiment.prompt.candidates?.from,
    crossFit = showsTraining(experiment),
  }: {
    readonly id?: string;
    readonly rows?: FileOf;
    readonly from?: string | undefined;
    readonly crossFit?: boolean;
  } = {},
): Draft | undefined {
  const { evaluate } = experiment;
  if (from === undefined) return undefined;
  const common = draft({
    id,
    kind: candidates.name,
    params: {
      classifier: from,
      cross_fit: crossFit,
      ...(taskOf(experiment).labels?.isSingle ? { single: true } : {}),
      ...{ seed: 1, folds: 3 },
    },
    sources: groupsSource(experiment),
    inputs: {
      train: { step: "data", file: "train.jsonl" },
      ...(rows === undefined
        ? {
            validation: { step: "data", file: "validation.jsonl" },
            eval: { step: "data", file: `${evaluate.split}.jsonl` },
          }
        : { eval: rows }),
    },
    needs: oneCore,
  });
  return inPython(common, program(), site);
}
