import { type Engine, generationProperties } from "../engine.ts";

// No server of this kind promises top_k; one that knows it takes it by `extra`.
const { top_k: _unknown, ...shared } = generationProperties;

/** `generate` by an OpenAI-compatible server: hosted, or llama.cpp, vLLM and the like on a machine of one's own. */
export const openaiSchema = {
  type: "object",
  additionalProperties: false,
  required: ["engine", "base_url"],
  properties: {
    engine: { type: "string", const: "openai", description: "Any OpenAI-compatible server." },
    base_url: {
      type: "string",
      minLength: 1,
      description: "Address of the server, such as http://127.0.0.1:8080/v1. Not part of any key.",
    },
    api_key_env: {
      type: "string",
      pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
      description: "Environment variable that holds the key, never the key. Absent: the server wants none.",
    },
    model: { type: "string", minLength: 1, description: "Name of the served model. Default: model.base." },
    concurrency: { type: "integer", minimum: 1, maximum: 256, default: 8, description: "Requests under way at once." },
    requests_per_minute: { type: "number", exclusiveMinimum: 0, description: "Bound of the server. Absent: none." },
    timeout: { type: "number", exclusiveMinimum: 0, default: 300, description: "Seconds that one request may take." },
    retries: {
      type: "integer",
      minimum: 0,
      maximum: 20,
      default: 5,
      description:
        "Further tries after a failure that may pass, waiting longer each time or as long as the server asks.",
    },
    logprobs: { type: "boolean", default: false, description: "Ask for the answers' log-probabilities." },
    extra: {
      type: "object",
      default: {},
      description:
        "Further keys of the request, as the server knows them: {chat_template_kwargs: {enable_thinking: false}}.",
    },
    ...shared,
  },
} as const;

/** Answers from a server: nothing of the model need be on this machine. */
export const openai: Engine = { name: "openai", schema: openaiSchema };
