/** The content of a model's config.json. Any key may be absent. */
export type ModelConfig = { readonly model_type?: string } & Readonly<Record<string, unknown>>;

/** The shape of a decoder: the keys of its config.json that determine its size. */
export type Shape = {
  /** Architecture, such as "llama" or "qwen3". Absent if the config does not name it. */
  readonly model_type?: string;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads?: number;
  readonly intermediate_size: number;
  readonly vocab_size: number;
  readonly head_dim?: number;
  readonly tie_word_embeddings?: boolean;
  /** Number format of the stored weights. Absent, also as torch_dtype: bfloat16. */
  readonly dtype?: string;
  readonly torch_dtype?: string;
} & Experts;

/** A mixture of experts: the keys that families use. Absent for a dense decoder. */
type Experts = {
  readonly num_experts?: number;
  readonly num_local_experts?: number;
  /** Experts that each token uses. */
  readonly num_experts_per_tok?: number;
  /** Width of an expert. Absent: intermediate_size. */
  readonly moe_intermediate_size?: number;
  /** Width of the expert that each token uses in addition. */
  readonly shared_expert_intermediate_size?: number;
  /** One layer in this many has experts. */
  readonly decoder_sparse_step?: number;
  /** Layers without experts. */
  readonly mlp_only_layers?: readonly number[];
};

const qwen3 = { model_type: "qwen3", head_dim: 128, vocab_size: 151_936, num_key_value_heads: 8 } as const;
const qwen3Sizes: Readonly<Record<string, Shape>> = {
  "0.6B": {
    ...qwen3,
    hidden_size: 1024,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    intermediate_size: 3072,
    tie_word_embeddings: true,
  },
  "1.7B": {
    ...qwen3,
    hidden_size: 2048,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    intermediate_size: 6144,
    tie_word_embeddings: true,
  },
  "4B": {
    ...qwen3,
    hidden_size: 2560,
    num_hidden_layers: 36,
    num_attention_heads: 32,
    intermediate_size: 9728,
    tie_word_embeddings: true,
  },
  "8B": { ...qwen3, hidden_size: 4096, num_hidden_layers: 36, num_attention_heads: 32, intermediate_size: 12288 },
  "30B-A3B": {
    ...qwen3,
    model_type: "qwen3_moe",
    hidden_size: 2048,
    num_hidden_layers: 48,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    intermediate_size: 6144,
    num_experts: 128,
    num_experts_per_tok: 8,
    moe_intermediate_size: 768,
  },
};
const bundled: Readonly<Record<string, Shape>> = {
  "smollm2-135m": {
    model_type: "llama",
    hidden_size: 576,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    intermediate_size: 1536,
    vocab_size: 49_152,
    tie_word_embeddings: true,
    dtype: "float32",
  },
  "tiny-qwen3": {
    ...qwen3,
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 32,
    intermediate_size: 128,
    vocab_size: 607,
    tie_word_embeddings: true,
    dtype: "float32",
  },
};

/** Values that transformers assumes for keys that config.json may leave out, by model type. */
const defaults: Readonly<Record<string, Partial<Shape>>> = {
  gemma3_text: {
    vocab_size: 262_208,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    tie_word_embeddings: true,
  },
  smollm3: { tie_word_embeddings: true },
};

/** Shape of a model that is known without its files: a bundled model, or a Qwen3 by its hub id. */
export function knownShape(base: string): Shape | undefined {
  if (Object.hasOwn(bundled, base)) return bundled[base];
  const size = /^Qwen\/Qwen3-([0-9.]+B(?:-A3B)?)(-Base|-Instruct-2507|-Thinking-2507)?$/.exec(base)?.[1];
  return size !== undefined && Object.hasOwn(qwen3Sizes, size) ? qwen3Sizes[size] : undefined;
}

/** The content of a config.json. Undefined if it is not a JSON object. */
export function configOf(configJson: string): ModelConfig | undefined {
  try {
    const config: unknown = JSON.parse(configJson);
    return typeof config === "object" && config !== null ? (config as ModelConfig) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The part of a config.json that describes the text decoder: the whole of it, or for a model that also reads images the
 * section of its text decoder. Undefined if no part describes one.
 */
export function textConfig(config: ModelConfig): ModelConfig | undefined {
  if (typeof config.num_hidden_layers === "number") return config;
  const text = config.text_config as ModelConfig | undefined;
  if (typeof text !== "object" || text === null || typeof text.num_hidden_layers !== "number") return undefined;
  const { dtype = config.dtype, torch_dtype = config.torch_dtype } = text;
  const tied = text.tie_word_embeddings ?? config.tie_word_embeddings;
  return { ...text, dtype, torch_dtype, ...(tied === undefined ? {} : { tie_word_embeddings: tied }) };
}

/** Whether a config.json describes a model that reads more than text, such as images. */
export function readsMoreThanText(config: ModelConfig): boolean {
  return typeof config.num_hidden_layers !== "number" && textConfig(config) !== undefined;
}

/** Why a version of transformers, which has `types`, cannot build the decoder of a model; undefined if it can. */
export function unknownType({ model_type }: ModelConfig, types: readonly string[]): string | undefined {
  if (model_type === undefined || types.includes(model_type)) return undefined;
  return `a model of type ${model_type}, of which its transformers has no text decoder`;
}

/** Whether layers of the decoder are mixtures of experts. */
export function isMixture(config: ModelConfig): boolean {
  const { num_experts, num_local_experts, n_routed_experts } = textConfig(config) ?? config;
  return [num_experts, num_local_experts, n_routed_experts].some((count) => typeof count === "number" && count > 1);
}

/** Shape from the text of a config.json. Undefined if the config describes no decoder whose size is known from it. */
export function shapeOf(configJson: string): Shape | undefined {
  const config = configOf(configJson);
  const text = config && textConfig(config);
  if (text === undefined) return undefined;
  const shape = { ...defaults[text.model_type ?? ""], ...text } as Shape;
  const total = parameters(shape);
  return Number.isFinite(total) && total > 0 ? shape : undefined;
}

/** Number of parameters: embeddings, attention, gated MLP, and all experts. Norms and biases are negligible. */
export function parameters(shape: Shape): number {
  const { total } = mlps(shape);
  return embeddings(shape) + shape.num_hidden_layers * attention(shape) + total;
}

/** Number of parameters that each token is multiplied with: of a mixture of experts, those of the experts that it uses. */
export function activeParameters(shape: Shape): number {
  const { active } = mlps(shape);
  return embeddings(shape) + shape.num_hidden_layers * attention(shape) + active;
}

/** Number of parameters of the input and output embeddings, which are one matrix if they are tied. */
export function embeddings(shape: Shape): number {
  return shape.vocab_size * shape.hidden_size * (shape.tie_word_embeddings ? 1 : 2);
}

/** Number of parameters of the attention of one layer. */
function attention(shape: Shape): number {
  const { q_proj, k_proj, v_proj, o_proj } = widths(shape);
  return [q_proj, k_proj, v_proj, o_proj].reduce((sum, [from, to]) => sum + from * to, 0);
}

/** Number of parameters of the MLPs of all layers, and of those that one token uses. */
function mlps(shape: Shape): { readonly total: number; readonly active: number } {
  const { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers } = shape;
  const experts = shape.num_experts ?? shape.num_local_experts ?? 0;
  const dense = 3 * hidden * inner;
  if (experts < 2) return { total: layers * dense, active: layers * dense };
  const every = shape.decoder_sparse_step ?? 1;
  const without = shape.mlp_only_layers ?? [];
  const sparse = Array.from({ length: layers }, (_, at) => (at + 1) % every === 0 && !without.includes(at));
  const count = sparse.filter(Boolean).length;
  const one = 3 * hidden * (shape.moe_intermediate_size ?? inner);
  const shared = 3 * hidden * (shape.shared_expert_intermediate_size ?? 0) + experts * hidden;
  const rest = (layers - count) * dense;
  return {
    total: rest + count * (experts * one + shared),
    active: rest + count * ((shape.num_experts_per_tok ?? 1) * one + shared),
  };
}

/** Architectures whose linear layers `projections` names. Those of another architecture may have other names. */
const namedProjections = ["gemma3_text", "llama", "mistral", "phi3", "qwen2", "qwen3", "smollm3"];

/**
 * Names of the linear layers of a text decoder that an adapter can change. Undefined if they do not follow from its
 * config.
 */
export function layerNames(text: ModelConfig): readonly string[] | undefined {
  if (!namedProjections.includes(text.model_type ?? "")) return undefined;
  return Object.keys(projections(text as unknown as Shape));
}

/**
 * Input and output width of each linear layer of a block that an adapter can change. Experts are no linear layers, and
 * Phi fuses some.
 */
export function projections(shape: Shape): Readonly<Record<string, readonly [number, number]>> {
  const { q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj } = widths(shape);
  if (shape.model_type === "phi3") {
    const qkv_proj = [q_proj[0], q_proj[1] + k_proj[1] + v_proj[1]] as const;
    return { qkv_proj, o_proj, gate_up_proj: [gate_proj[0], gate_proj[1] + up_proj[1]], down_proj };
  }
  const self = { q_proj, k_proj, v_proj, o_proj };
  return isMixture(shape) ? self : { ...self, gate_proj, up_proj, down_proj };
}

function widths(shape: Shape) {
  const { hidden_size: hidden, intermediate_size: inner } = shape;
  const query = shape.num_attention_heads * headSize(shape);
  const keyValue = keyValueWidth(shape);
  return {
    q_proj: [hidden, query],
    k_proj: [hidden, keyValue],
    v_proj: [hidden, keyValue],
    o_proj: [query, hidden],
    gate_proj: [hidden, inner],
    up_proj: [hidden, inner],
    down_proj: [inner, hidden],
  } as const;
}

/** Width of the MLPs that one token uses in a layer. */
export function mlpWidth(shape: Shape): number {
  const width = shape.moe_intermediate_size ?? shape.intermediate_size;
  if (!isMixture(shape)) return shape.intermediate_size;
  return (shape.num_experts_per_tok ?? 1) * width + (shape.shared_expert_intermediate_size ?? 0);
}

/** Width of the keys of one layer, and of its values. */
export function keyValueWidth(shape: Shape): number {
  return (shape.num_key_value_heads ?? shape.num_attention_heads) * headSize(shape);
}

/** Bytes of a stored weight. */
export function storedBytes(shape: Shape): number {
  return (shape.dtype ?? shape.torch_dtype) === "float32" ? 4 : 2;
}

function headSize(shape: Shape): number {
  return shape.head_dim ?? shape.hidden_size / shape.num_attention_heads;
}
