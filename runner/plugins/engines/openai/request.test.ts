import { expect, it } from "vitest";
import { readReply } from "./reply.ts";
import { chatBody, type Request } from "./request.ts";

const request: Request = {
  model: "m",
  max_new_tokens: 9,
  temperature: 0,
  constrain: "none",
  logprobs: false,
  extra: {},
};
const messages = [{ role: "user", content: "x" }];
const allowed = { labels: ["A", "B"], single: false };

it("contains the keys that the experiment sets, and no others", () => {
  expect(chatBody(request, messages, allowed, 0)).toEqual({ model: "m", messages, max_tokens: 9, temperature: 0 });
  const sampled = { ...request, temperature: 1, seed: 5, logprobs: true, extra: { max_completion_tokens: 3 } };
  expect(chatBody(sampled, messages, allowed, 2)).toEqual({
    model: "m",
    messages,
    temperature: 1,
    seed: 7,
    logprobs: true,
    max_completion_tokens: 3,
  });
});

it("constrains an answer to labels or to text by a schema with an object at its root", () => {
  const schemaOf = (constrain: "json" | "labels", single: boolean) =>
    chatBody({ ...request, constrain }, messages, { ...allowed, single }, 0);
  expect(schemaOf("labels", false)).toMatchObject({
    response_format: {
      json_schema: { schema: { properties: { labels: { items: { enum: ["A", "B"] } } }, required: ["labels"] } },
    },
  });
  expect(schemaOf("json", true)).toMatchObject({
    response_format: { json_schema: { schema: { properties: { label: { type: "string" } } } } },
  });
});

it("constrains an answer to the schema of the study, which is strict if each object lists and requires all its keys", () => {
  const formatOf = (schema: Parameters<typeof chatBody>[2]) =>
    chatBody({ ...request, constrain: "schema" }, messages, schema, 0) as { readonly response_format: unknown };
  const inner = { type: "object", properties: { b: { type: "string" } }, required: ["b"], additionalProperties: false };
  const schema = { type: "object", properties: { a: inner }, required: ["a"], additionalProperties: false };
  const $schema = "https://json-schema.org/draft/2020-12/schema";
  expect(formatOf({ schema: { $schema, ...schema } }).response_format).toEqual({
    type: "json_schema",
    json_schema: { name: "answer", strict: true, schema },
  });
  const optional = { ...schema, properties: { a: { ...inner, required: [] } } };
  expect(formatOf({ schema: optional }).response_format).toMatchObject({ json_schema: { strict: false } });
});

it("reads finish, log-probabilities and an answer without content", () => {
  const choice = {
    message: { content: null },
    finish_reason: "content_filter",
    logprobs: { content: [{ logprob: -0.5 }, { logprob: -0.25 }] },
  };
  expect(readReply(JSON.stringify({ choices: [choice] }))).toEqual({
    answer: { text: "", finish: "content_filter", logprob: -0.75 },
  });
  const logprobs = (...values: unknown[]) => ({ content: values.map((logprob) => ({ logprob })) });
  const logprobOf = (value: unknown) =>
    readReply(JSON.stringify({ choices: [{ ...choice, logprobs: value }] }))?.answer.logprob;
  expect([logprobs(1e-6, -1), logprobs(2), logprobs(-1, null), logprobs()].map(logprobOf)).toEqual([
    -1,
    undefined,
    undefined,
    undefined,
  ]);
  const usage = { prompt_tokens: -5, completion_tokens: 3 };
  expect(readReply(JSON.stringify({ choices: [{ ...choice, logprobs: null }], usage }))).toEqual({
    answer: { text: "", finish: "content_filter", new_tokens: 3 },
  });
  expect(readReply("[]")).toBeUndefined();
  expect(readReply('{"choices": [{"message": {"content": "x"}, "finish_reason": null}]}')).toBeUndefined();
});
