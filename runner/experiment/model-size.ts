type Config = {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads?: number;
  readonly intermediate_size: number;
  readonly vocab_size: number;
  readonly head_dim?: number;
  readonly tie_word_embeddings?: boolean;
};

const qwen3 = { head_dim: 128, vocab_size: 151_936, num_key_value_heads: 8 } as const;
const qwen3Sizes: Readonly<Record<string, Config>> = {
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

/** Parameters of a dense Qwen3 by its hub id, known without the network; undefined for any other model. */
export function knownParameters(hubId: string): number | undefined {
  const size = /^Qwen\/Qwen3-([0-9.]+B)(-Base|-Instruct-2507|-Thinking-2507)?$/.exec(hubId)?.[1];
  const config = size !== undefined && Object.hasOwn(qwen3Sizes, size) ? qwen3Sizes[size] : undefined;
  return config && count(config);
}

/** Parameters of a dense decoder by the text of its config.json; undefined where the config is of another kind. */
export function parametersOf(configJson: string): number | undefined {
  try {
    const total = count(JSON.parse(configJson) as Config);
    return Number.isFinite(total) && total > 0 ? total : undefined;
  } catch {
    return undefined;
  }
}

/** Embeddings, attention and gated MLP; norms and biases are too small to matter. */
function count(config: Config): number {
  const { hidden_size: hidden, num_attention_heads: heads, intermediate_size: inner } = config;
  const head = config.head_dim ?? hidden / heads;
  const keyValue = config.num_key_value_heads ?? heads;
  const attention = 2 * hidden * heads * head + 2 * hidden * keyValue * head;
  const embeddings = config.vocab_size * hidden * (config.tie_word_embeddings ? 1 : 2);
  return embeddings + config.num_hidden_layers * (attention + 3 * hidden * inner);
}
