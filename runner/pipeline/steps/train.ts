import type { Rung } from "../../config/halving.ts";
import type { Experiment } from "../../config/schema.ts";
import { backends } from "../../plugins/backends/registry.ts";
import type { Json } from "../../util/canonical.ts";
import type { StepKind } from "../plan/step.ts";
import { deviceOf, gpusOf } from "./device.ts";
import { draft } from "./draft.ts";
import { expectTraining } from "./expected.ts";
import { needsOf } from "./needs.ts";
import type { Site } from "./site.ts";

type Params = {
  readonly backend: string;
  readonly method: string;
  readonly report_to: readonly string[];
  /** The training pauses after so many of its epochs. */
  readonly pause_after_epochs?: number;
};

/** Fine-tunes with the backend's own trainer; what a resume needs stays in the work folder. */
export const train: StepKind<Params> = {
  name: "train",
  version: 1,
  cached: true,
  outputs: ({ backend, method, report_to }) => [
    method === "full" ? "model/" : "adapter/",
    "train.json",
    ...(backends[backend]?.capabilities.keepsReports ? report_to.map((name) => `${name}/`) : []),
  ],
  pauses: ({ pause_after_epochs }) => pause_after_epochs !== undefined,
  run: async ({ backend }, context) => context.python({ module: moduleOf(backend), environment: backend }),
};

const moduleOf = (backend: string): string => `recipes.${backend}.train`;

/**
 * Everything in `train` that may change the weights is a parameter; how often a checkpoint is written and on how many GPUs and nodes
 * is not. On a rung before the last the training pauses: its schedule is that of all epochs, so that what goes on from there comes to
 * what a training in one go would have come to, and the last rung is that training.
 */
export function draftTrain(experiment: Experiment & { readonly train: object }, site: Site, rung?: Rung) {
  const { checkpoint, precision, layers, merge: _own, ...rest } = experiment.train as NonNullable<Experiment["train"]>;
  const expects = expectTraining(experiment, site, rung);
  const { samples, keep } = rest;
  const answered = samples !== undefined || (keep !== "last" && keep.best !== "loss");
  return draft({
    id: "train",
    kind: train.name,
    params: {
      ...(rest as unknown as Record<string, Json>),
      precision: precision === "auto" ? site.precision[deviceOf(experiment, site)] : precision,
      layers: layers === "all" ? null : { last: Number(layers.slice("last ".length)) },
      thinking: experiment.prompt.thinking,
      ...(answered ? { answers: answersOf(experiment) } : {}),
      pause_after_epochs: rung !== undefined && rung.number < rung.of ? rung.epochs : undefined,
    },
    hints: {
      checkpoint: { ...checkpoint },
      gpus: gpusOf(experiment, site),
      nodes: experiment.resources.slurm?.nodes ?? 1,
    },
    sources: { ...site.recipe(moduleOf(rest.backend)), [`lock of ${rest.backend}`]: site.lock(rest.backend) },
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
}

/** How validation rows are answered while the model trains: read as the study's own answers are, but greedily. */
function answersOf({ data, generate, task }: Experiment): Json {
  const { separator } = data.labels;
  return { separator, task, max_new_tokens: "max_new_tokens" in generate ? generate.max_new_tokens : 128 };
}
