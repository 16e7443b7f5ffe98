/** One answer of a server, as responses.jsonl stores it. */
export type Answer = {
  readonly text: string;
  readonly prompt_tokens?: number;
  readonly new_tokens?: number;
  readonly finish: "stop" | "length" | "content_filter";
  readonly logprob?: number;
};

/** An answer, and the model that the server reports to have used. */
export type Reply = { readonly answer: Answer; readonly model?: string };

/** The reasons of a server for the end of an answer. */
export const finishes: ReadonlyMap<unknown, Answer["finish"]> = new Map([
  ["stop", "stop"],
  ["eos", "stop"],
  ["length", "length"],
  ["content_filter", "content_filter"],
]);

/**
 * Reads the body of a chat completion; undefined if it is not one. An answer without content (a refusal) has an empty
 * text.
 */
export function readReply(body: string): Reply | undefined {
  const value = parsed(body);
  if (!isRecord(value) || !Array.isArray(value.choices)) return undefined;
  const choice: unknown = value.choices[0];
  if (!isRecord(choice) || !isRecord(choice.message)) return undefined;
  const { content } = choice.message;
  const finish = finishes.get(choice.finish_reason);
  if ((typeof content !== "string" && content !== null) || finish === undefined) return undefined;
  const usage = isRecord(value.usage) ? value.usage : {};
  return {
    answer: {
      text: content ?? "",
      ...whole("prompt_tokens", usage.prompt_tokens),
      ...whole("new_tokens", usage.completion_tokens),
      finish,
      ...logprobOf(choice.logprobs),
    },
    ...(typeof value.model === "string" ? { model: value.model } : {}),
  };
}

/**
 * The reason in an error response: `{"error": {"message"}}`, `{"error": "..."}`, or else the first line; at most 300
 * characters.
 */
export function errorText(body: string): string {
  const value = parsed(body);
  const error = isRecord(value) ? (value.error ?? value.message ?? value.detail) : undefined;
  const message = isRecord(error) ? error.message : error;
  const text = typeof message === "string" ? message : (body.trim().split("\n")[0] ?? "");
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

function whole<Name extends string>(name: Name, value: unknown): { readonly [Key in Name]?: number } {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? ({ [name]: value } as { [Key in Name]: number }) : {};
}

/** Rounding of servers makes the log-probability of a certain token slightly positive. */
const rounding = 1e-3;

/**
 * Sum of the log-probabilities of the answer's tokens, to four digits. Absent if the server does not send valid ones.
 */
function logprobOf(logprobs: unknown): { readonly logprob?: number } {
  if (!isRecord(logprobs) || !Array.isArray(logprobs.content)) return {};
  const each = logprobs.content.map((token: unknown) => (isRecord(token) ? token.logprob : undefined));
  const isValid = (one: unknown): boolean => typeof one === "number" && Number.isFinite(one) && one <= rounding;
  if (each.length === 0 || !each.every(isValid)) return {};
  return { logprob: Number((each as number[]).reduce((sum, one) => sum + Math.min(one, 0), 0).toFixed(4)) };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
