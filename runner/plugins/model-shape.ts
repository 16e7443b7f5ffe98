/** The content of a model's config.json. Any key may be absent. */
export type ModelConfig = { readonly model_type?: string } & Readonly<Record<string, unknown>>;

/** The shape of a dense decoder: the keys of its config.json that determine its size. */
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

/** Shape of a model that is known without its files: a bundled model, or a dense Qwen3 by its hub id. */
export function knownShape(base: string): Shape | undefined {
  if (Object.hasOwn(bundled, base)) return bundled[base];
  const size = /^Qwen\/Qwen3-([0-9.]+B)(-Base|-Instruct-2507|-Thinking-2507)?$/.exec(base)?.[1];
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

/** Why no backend trains a model that is not a text decoder; undefined for a text decoder. */
export function notTextDecoder({ model_type, num_hidden_layers }: ModelConfig): string | undefined {
  if (typeof num_hidden_layers === "number") return undefined;
  return `a model of type ${model_type ?? "unknown"} that is not a text decoder: its config.json has no num_hidden_layers`;
}

/** Shape from the text of a config.json. Undefined if the config does not describe a dense decoder. */
export function shapeOf(configJson: string): Shape | undefined {
  try {
    const shape = JSON.parse(configJson) as Shape;
    const total = parameters(shape);
    return Number.isFinite(total) && total > 0 ? shape : undefined;
  } catch {
    return undefined;
  }
}

/** Number of parameters: embeddings, attention and gated MLP. Norms and biases are negligible. */
export function parameters(shape: Shape): number {
  return embeddings(shape) + shape.num_hidden_layers * layer(shape);
}

/** Number of parameters of the input and output embeddings, which are one matrix if they are tied. */
export function embeddings(shape: Shape): number {
  return shape.vocab_size * shape.hidden_size * (shape.tie_word_embeddings ? 1 : 2);
}

/** Number of parameters of the seven matrices of one block. */
function layer(shape: Shape): number {
  return Object.values(projections(shape)).reduce((sum, [from, to]) => sum + from * to, 0);
}

/** Input and output width of each projection of a block. */
export function projections(shape: Shape): Readonly<Record<string, readonly [number, number]>> {
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
  };
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
