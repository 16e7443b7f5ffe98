import type { Json } from "../../../util/canonical.ts";

/** One message of a chat. */
export type ChatMessage = { readonly role: string; readonly content: string };

/** What a server is asked for, besides the messages: all of it may change the answer. */
export type Asked = {
  readonly model: string;
  readonly max_new_tokens: number;
  readonly temperature: number;
  readonly top_p?: number;
  readonly seed?: number;
  readonly constrain: "none" | "json" | "labels";
  readonly logprobs: boolean;
  /** Further keys of the body, as the server knows them. */
  readonly extra: Readonly<Record<string, Json>>;
};

/** Labels that an answer may hold, or undefined for any text; `single` asks for one. */
export type Allowed = { readonly labels: readonly string[]; readonly single: boolean };

/** Body of a chat completion. Sample k of a vote has the seed after that of sample k - 1. `extra` comes last and wins. */
export function chatBody(asked: Asked, messages: readonly ChatMessage[], allowed: Allowed, sample: number): Json {
  const { model, max_new_tokens, temperature, top_p, seed, constrain, logprobs, extra } = asked;
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
 * Servers differ in what they take at the root of a schema, and all take an object: {"labels": [...]}, or {"label": "..."}
 * where an answer is one label. The parser of answers reads both. An empty list says that there is no label.
 */
function responseFormat(constrain: "json" | "labels", { labels, single }: Allowed): Json {
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
