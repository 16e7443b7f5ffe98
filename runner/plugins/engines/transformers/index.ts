import modelTypes from "../../../../recipes/transformers/model_types.json" with { type: "json" };
import type { Json } from "../../../util/canonical.ts";
import type { Device } from "../../backends/device.ts";
import { methods } from "../../backends/methods.ts";
import { torchtuneEnvironment } from "../../backends/torchtune/environment.ts";
import type { Generation } from "../../experiment.ts";
import { unknownType } from "../../model-shape.ts";
import { inPython } from "../../step-work.ts";
import type { Engine } from "../engine.ts";
import { generationProperties, scoreProperties } from "../generation-schema.ts";

const program = { module: "recipes.transformers.generate", environment: torchtuneEnvironment.name } as const;

/** Equal to PREFILL_TOKENS in recipes/transformers/prefill.py. */
const prefillTokens: Readonly<Record<Device, number>> = { cpu: 1024, cuda: 16384 };

type Own = Generation & { readonly batch_size: number | "auto" };

/** Generation with transformers: the default engine, on every machine that runs torch. Batches are sorted by length. */
export const transformers: Engine = {
  name: "transformers",
  environment: torchtuneEnvironment,
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["engine"],
    properties: {
      engine: { type: "string", const: "transformers", description: "Generate with transformers on this machine." },
      precision: {
        type: "string",
        enum: ["16bit", "32bit", "4bit"],
        default: "16bit",
        description: "Number format of the weights. All arms of a comparison use the same one.",
        examples: ["4bit"],
      },
      batch_size: {
        anyOf: [
          { type: "string", const: "auto" },
          { type: "integer", minimum: 1 },
        ],
        default: "auto",
        description:
          "Number of cases generated at once. auto selects it from the free memory. Not part of the cache key.",
        examples: [16],
      },
      ...generationProperties,
      ...scoreProperties,
    },
  },
  citation: {
    key: "transformers",
    bibtex:
      "@inproceedings{transformers, title={Transformers: State-of-the-Art Natural Language Processing}, author={Wolf, Thomas and Debut, Lysandre and Sanh, Victor and others}, booktitle={Proceedings of the 2020 Conference on Empirical Methods in Natural Language Processing: System Demonstrations}, year={2020}}",
  },
  runsModel: true,
  scoresLabels: true,
  loads: {
    adapters: methods,
    fourBit: true,
    paddingCheck: "recipes.transformers.padding_check",
    previews: program.module,
  },
  supports: (model) => unknownType(model, modelTypes),
  generateStep: {
    draft(common, { experiment, site }) {
      const { batch_size, ...params } = common.params as Readonly<Record<string, Json>>;
      const { model, generate } = experiment;
      const completed = inPython(
        { ...common, params, hints: { ...common.hints, batch_size: batch_size as Json } },
        program,
        site,
      );
      if ("weights" in common.inputs) return completed;
      // One process can load the base once for its own answers and those of every adapter on it.
      const same = [
        program.module,
        model.base,
        model.revision ?? null,
        generate.precision,
        params.compute ?? params.precision,
      ];
      return { ...completed, reuseKey: JSON.stringify(same) };
    },
    run: (_params, context) => context.python(program),
  },
  // docs/reference/benchmarks.md has the measurement. vLLM's build for the CPU exists for Linux only.
  faster: (generation, device) =>
    device === "cpu" && process.platform === "linux" && generation.precision !== "4bit"
      ? "generate.engine: vllm is more than 1.5 times as fast on a CPU, with equal answers in 32bit (exp setup vllm)."
      : undefined,
  estimate(generation, device) {
    const { batch_size: size, precision } = generation as Own;
    return {
      batch: size === "auto" ? [1, device === "cpu" ? 32 : 64] : [1, size],
      prefillTokens: prefillTokens[device],
      adapts: size === "auto",
      smaller: [
        ...(size === "auto" || size === 1 ? [] : ["generate.batch_size: auto"]),
        ...(precision === "32bit" ? ["generate.precision: 16bit"] : []),
        ...(precision === "4bit" ? [] : ["generate.precision: 4bit"]),
      ],
    };
  },
};
