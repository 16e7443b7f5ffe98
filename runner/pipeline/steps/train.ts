import type { Rung } from "../../config/halving.ts";
import { selectionMetric } from "../../plugins/backends/keep.ts";
import { backends } from "../../plugins/backends/registry.ts";
import { nodesIn } from "../../plugins/executors/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import type { Json } from "../../util/canonical.ts";
import { deviceOf, gpusOf } from "./device.ts";
import { draft } from "./draft.ts";
import { expectTraining, trainedLayers } from "./expected.ts";
import { needsOf } from "./needs.ts";

type Params = {
  readonly backend: string;
  readonly method: string;
  readonly report_to: readonly string[];
  /** The training pauses after this number of its epochs. */
  readonly pause_after_epochs?: number;
};

/** Fine-tunes with the backend that `params.backend` names. Checkpoints stay in the work folder. */
export const train: StepKind<Params> = {
  name: "train",
  version: 1,
  cached: true,
  outputs: ({ method, report_to }) => [
    method === "full" ? "model/" : "adapter/",
    "train.json",
    ...report_to.map((name) => `${name}/`),
  ],
  pauses: ({ pause_after_epochs }) => pause_after_epochs !== undefined,
  run: (params, context) => backends.get(params.backend).trainStep.run(params, context),
};

/**
 * Every key of `train` that may change the weights is a parameter, except weights of rows, which the rows have. Noise of 0 is none. The interval of checkpoints and the numbers of GPUs and nodes are hints. On a rung before the last, the training pauses, with the learning-rate schedule of all epochs.
 * So the last rung resumes it and gets the same weights as a training without pauses.
 */
export function draftTrain(experiment: Experiment & { readonly train: object }, site: Site, rung?: Rung): Draft {
  const {
    checkpoint,
    precision,
    layers,
    merge: _own,
    sample_weights: _column,
    suspects: _suspects,
    neftune_alpha: noise,
    ...rest
  } = experiment.train as NonNullable<Experiment["train"]>;
  const expects = expectTraining(experiment, site, rung);
  const { samples, keep } = rest;
  const answersRows = samples !== undefined || (selectionMetric(keep) ?? "loss") !== "loss";
  const common = draft({
    id: "train",
    kind: train.name,
    params: {
      ...(rest as unknown as Record<string, Json>),
      precision: precision === "auto" ? site.precision[deviceOf(experiment, site)] : precision,
      ...(noise ? { neftune_alpha: noise } : {}),
      layers: layers === "all" ? null : { last: trainedLayers(layers) as number },
      thinking: experiment.prompt.thinking,
      ...(answersRows ? { answers: answersOf(experiment) } : {}),
      pause_after_epochs: rung !== undefined && rung.number < rung.of ? rung.epochs : undefined,
    },
    hints: {
      checkpoint: { ...checkpoint },
      gpus: gpusOf(experiment, site),
      nodes: nodesIn(experiment.resources).nodes,
    },
    inputs: {
      model: { step: "fetch", file: "model.json" },
      train: { step: "prompt.tuned", file: "train.jsonl" },
      ...(experiment.data.validation ? { validation: { step: "prompt.tuned", file: "validation.jsonl" } } : {}),
    },
    localPaths: { model: site.model(experiment.model.base, experiment.model.revision).dir },
    after: ["preflight"],
    needs: needsOf(experiment, site, expects),
    expects,
  });
  return backends.get(rest.backend).trainStep.draft(common, { experiment, arm: "tuned", site });
}

/** How validation rows are answered during the training: parsed as the study's answers are, but decoded greedily. */
function answersOf({ data, generate, task }: Experiment): Json {
  // Python validates label answers during the training; checks reject it for other tasks.
  const separator = data.labels?.separator ?? ",";
  return { separator, task, max_new_tokens: generate.max_new_tokens ?? 128 };
}
