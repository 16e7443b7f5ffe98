import knownFamilies from "../../../../recipes/torchtune/families.json" with { type: "json" };
import keys from "../../../../recipes/torchtune/keys.json" with { type: "json" };
import type { ModelConfig } from "../../model-shape.ts";
import { pythonStep } from "../../step-work.ts";
import type { Backend, TrainingRequest, UnsupportedPart } from "../backend.ts";
import { checkpointMetrics } from "../methods.ts";
import { absentTargets } from "../targets.ts";
import { trainProperties } from "../train-schema.ts";
import { torchtuneEnvironment } from "./environment.ts";

/** What recipes/torchtune/families.json says of an architecture. recipes/torchtune reads the same file. */
type Family = {
  /** Models of the architecture, for people. */
  readonly models: string;
  /** Types of the rotary embedding that the backend computes. */
  readonly rope: readonly string[];
  /** The architecture of the text decoder, where config.json describes it in `text_config`. */
  readonly text?: string;
};

/** Architectures that the backend trains, by `model_type` of config.json. */
const families: Readonly<Record<string, Family>> = knownFamilies;

/** torchtune 0.6.1: the default backend. It trains by every method on CPU and GPU, but not in fp16. */
export const torchtune: Backend = {
  name: "torchtune",
  environment: torchtuneEnvironment,
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["backend"],
    properties: {
      backend: { type: "string", const: "torchtune", description: "Train with torchtune 0.6.1." },
      ...trainProperties,
    },
  },
  trainStep: pythonStep({ module: "recipes.torchtune.train", environment: torchtuneEnvironment.name }),
  supports: unsupportedModel,
  estimate: { checkpointing: { cuda: "always", cpu: "if-short" }, allLogits: false, conversion: [8, 14] },
  citation: {
    key: "torchtune",
    bibtex:
      "@misc{torchtune, title={torchtune: {PyTorch}'s finetuning library}, author={{torchtune maintainers and contributors}}, year={2024}}",
  },
  needsTrust: ["overrides"],
  capabilities: {
    methods: {
      lora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
      dora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
      qlora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
      qdora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
      full: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp32"] },
    },
    reporters: ["tensorboard", "wandb", "mlflow", "trackio"],
    oneGpu: ["qlora", "qdora"],
    schedules: ["cosine", "linear", "constant"],
    best: checkpointMetrics,
    averages: true,
    earlyStopping: true,
    samples: true,
    sampleWeights: true,
    embeddingNoise: true,
    pauses: true,
    overrides: keys,
    reserved: {
      batch_size: "train.batch_size",
      clip_grad_norm: "train.clip_grad_norm",
      dtype: "train.precision",
      epochs: "train.epochs",
      gradient_accumulation_steps: "train.gradient_accumulation",
      max_steps: "train.max_steps",
      max_steps_per_epoch: "train.max_steps",
      "model.apply_lora_to_mlp": "train.targets",
      "model.lora_alpha": "train.alpha",
      "model.lora_attn_modules": "train.targets",
      "model.lora_dropout": "train.dropout",
      "model.lora_rank": "train.rank",
      "model.quantize_base": "train.method",
      "model.use_dora": "train.method",
      metric_logger: "train.report_to",
      "optimizer.lr": "train.learning_rate",
      "optimizer.weight_decay": "train.weight_decay",
      seed: "train.seed",
      "tokenizer.max_seq_len": "train.max_length",
    },
  },
};

/** The checks of recipes/torchtune that exclude whole families, or layers that a family lacks. */
function unsupportedModel(config: ModelConfig, training?: TrainingRequest): string | UnsupportedPart | undefined {
  const { model_type } = config;
  if (model_type === undefined) return undefined;
  const outer = Object.hasOwn(families, model_type) ? families[model_type] : undefined;
  if (outer === undefined) return `a model of type ${model_type}`;
  const text = outer.text === undefined ? config : (config.text_config as ModelConfig | undefined);
  const family = outer.text === undefined ? outer : families[outer.text];
  const type = text?.model_type ?? outer.text;
  if (text === undefined || family === undefined || (outer.text !== undefined && type !== outer.text)) {
    return `a ${model_type} model with a text decoder of type ${type ?? "unknown"}`;
  }
  const kind = ropeTypes(text).find((each) => !family.rope.includes(each));
  if (config.quantization_config !== undefined) return `a ${model_type} model with quantised weights`;
  if (kind !== undefined) return `a ${model_type} model with rotary scaling of type ${kind}`;
  return absentTargets(text, training);
}

/** The types of the rotary embeddings. Gemma 3 has one of its own for each type of layer. */
function ropeTypes(config: ModelConfig): readonly string[] {
  const rope = (config.rope_parameters ?? config.rope_scaling ?? {}) as Readonly<Record<string, unknown>>;
  const nested = Object.values(rope).filter(
    (each) => typeof each === "object" && each !== null && !Array.isArray(each),
  );
  return (nested.length > 0 ? nested : [rope]).map((each) => {
    const { rope_type, type } = each as { readonly rope_type?: string; readonly type?: string };
    return rope_type ?? type ?? "default";
  });
}
