import type { Json } from "../../../util/canonical.ts";

/** One message of a chat. */
export type ChatMessage = { readonly role: string; readonly content: string };

/** Everything in a request except the messages. All of it may change the answer, so all of it is part of the cache key. */
export type Request = {
  readonly model: string;
  readonly max_new_tokens: number;
  readonly temperature: number;
  readonly top_p?: number;
  readonly seed?: number;
  readonly constrain: "none" | "json" | "labels" | "schema";
  readonly logprobs: boolean;
  /** Additional keys of the request body. */
  readonly extra: Readonly<Record<string, Json>>;
};

/** Labels that a constrained answer may contain (`single`: exactly one of them), or the JSON Schema of the answer. */
export type Allowed =
  | { readonly labels: readonly string[]; readonly single: boolean }
  | { readonly schema: { readonly [key: string]: Json } };

/** Body of a chat completion request. Sample k of a vote uses seed + k. Keys of `extra` take precedence. */
export function chatBody(request: Request, messages: readonly ChatMessage[], allowed: Allowed, sample: number): Json {
  const { model, max_new_tokens, temperature, top_p, seed, constrain, logprobs, extra } = request;
  return {
    model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    ...("max_completion_tokens" in extra ? {} : { max_tokens: max_new_tokens }),
    temperature,
    ...(top_p === undefined ? {} : { top_p }),
    ...(seed === undefined ? {} : { seed: seed + sample }),
    ...(constrain === "none" ? {} : { response_format: responseFormat(constrain, allowed) }),
    ...(logprobs ? { logprobs: true } : {}),
    ...extra,
  };
}

/**
 * Schema of a constrained answer: the schema of the study, or one for labels. Every server accepts an object at the root: {"labels": [...]}, or {"label": "..."} if an answer
 * is one label. The answer parser reads both. An empty list means that no label applies.
 */
function responseFormat(constrain: Exclude<Request["constrain"], "none">, allowed: Allowed): Json {
  if ("schema" in allowed) {
    const { $schema: _dialect, $id: _id, ...schema } = allowed.schema;
    return { type: "json_schema", json_schema: { name: "answer", strict: isStrict(schema), schema } };
  }
  const { labels, single } = allowed;
  const label: Json = constrain === "labels" ? { type: "string", enum: labels } : { type: "string" };
  const name = single ? "label" : "labels";
  const schema: Json = {
    type: "object",
    properties: { [name]: single ? label : { type: "array", items: label } },
    required: [name],
    additionalProperties: false,
  };
  return { type: "json_schema", json_schema: { name, strict: true, schema } };
}

/**
 * Whether servers accept the schema as a strict one: each object requires all of its keys and allows no others. A server
 * may treat another schema as a hint.
 */
function isStrict(schema: Json): boolean {
  if (Array.isArray(schema)) return schema.every(isStrict);
  if (typeof schema !== "object" || schema === null) return true;
  const { properties, required, additionalProperties } = schema as { readonly [key: string]: Json };
  if (typeof properties === "object" && properties !== null && !Array.isArray(properties)) {
    const keys = Object.keys(properties);
    const needed = Array.isArray(required) ? (required as readonly Json[]) : [];
    if (additionalProperties !== false || !keys.every((key) => needed.includes(key))) return false;
  }
  return Object.values(schema).every(isStrict);
}
