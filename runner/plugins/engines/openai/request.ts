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
  readonly constrain: "none" | "json" | "labels";
  readonly logprobs: boolean;
  /** Additional keys of the request body. */
  readonly extra: Readonly<Record<string, Json>>;
};

/** Labels that a constrained answer may contain; `single`: exactly one of them. */
export type Allowed = { readonly labels: readonly string[]; readonly single: boolean };

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
 * Schema of a constrained answer. Every server accepts an object at the root: {"labels": [...]}, or {"label": "..."} if an answer
 * is one label. The answer parser reads both. An empty list means that no label applies.
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
