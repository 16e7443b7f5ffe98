import { isScalar } from "./json-value.ts";

/** A message of a conversation. */
export type Turn = { readonly role: "system" | "user" | "assistant"; readonly content: string };

/** What a record asks and answers. `turns` precede `input`: system messages and earlier questions and answers. */
export type Exchange = { readonly turns: readonly Turn[]; readonly input: string; readonly target: string };

/** An exchange whose target may be elsewhere. */
type OpenExchange = Omit<Exchange, "target"> & Partial<Pick<Exchange, "target">>;

const roles: Readonly<Record<string, Turn["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  prompter: "user",
  assistant: "assistant",
  gpt: "assistant",
  model: "assistant",
  bot: "assistant",
};

/**
 * The exchange at the end of a list of messages: `{role, content}`, or `{from, value}`. The last message is the target,
 * and the one before it the input. Without `hasTarget` the last message may be the input. Returns what is wrong with
 * any other value.
 */
export function exchangeOf(messages: unknown, system = "", hasTarget = true): Exchange | string {
  if (!Array.isArray(messages)) return "the cell is no list of messages";
  const turns: Turn[] = system.trim() === "" ? [] : [{ role: "system", content: system }];
  for (const [at, message] of messages.entries()) {
    const turn = turnOf(message);
    if (typeof turn === "string") return `message ${at + 1} ${turn}`;
    turns.push(turn);
  }
  if (!hasTarget && turns.at(-1)?.role === "user") turns.push({ role: "assistant", content: "" });
  const [input, target] = turns.slice(-2);
  if (target?.role !== "assistant") return "the last message is not the assistant's";
  if (input?.role !== "user") return "the message before the last one is not the user's";
  return { turns: turns.slice(0, -2), input: input.content, target: target.content };
}

/**
 * The exchange of a list of messages, which ends with the user's, and of its target in another value: the messages of a
 * completion, or anything else, of which the exchange has no target.
 */
export function exchangeWith(messages: unknown, completion: unknown, system: string): OpenExchange | string {
  if (!Array.isArray(messages)) return "the cell is no list of messages";
  const answer = [completion].flat();
  const isMessage = (value: unknown): boolean => typeof value === "object" && value !== null && !isScalar(value);
  if (answer.length > 0 && answer.every(isMessage)) return exchangeOf([...messages, ...answer], system);
  const asked = exchangeOf([...messages, { role: "assistant", content: "" }], system);
  if (asked === "the message before the last one is not the user's") return "the last message is not the user's";
  return typeof asked === "string" ? asked : { turns: asked.turns, input: asked.input };
}

function turnOf(message: unknown): Turn | string {
  if (typeof message !== "object" || message === null) return "is no object";
  const { role, from, content, value } = message as Readonly<Record<string, unknown>>;
  const name = String(role ?? from ?? "");
  const known = Object.hasOwn(roles, name) ? roles[name] : undefined;
  if (known === undefined) return name === "" ? "has no role" : `has the role ${name}, which no prompt has`;
  const text = textOf(content ?? value);
  return text === undefined ? "has a content that is no text" : { role: known, content: text };
}

/** The text of a content: one text, or a list of parts of the type text. */
function textOf(content: unknown): string | undefined {
  if (isScalar(content)) return String(content);
  if (!Array.isArray(content)) return undefined;
  const parts = content.map((part: unknown) => {
    const { type, text } = (part ?? {}) as Readonly<Record<string, unknown>>;
    return type === "text" && typeof text === "string" ? text : undefined;
  });
  return parts.includes(undefined) ? undefined : parts.join("\n");
}

/** The exchange of an Alpaca record: earlier turns are pairs of question and answer. */
export function alpacaExchange(record: {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
  readonly system: string;
  readonly history: unknown;
}): Exchange | string {
  const { instruction, input, output, system, history = [] } = record;
  if (!Array.isArray(history)) return "the history is no list of pairs";
  const turns: Turn[] = system.trim() === "" ? [] : [{ role: "system", content: system }];
  for (const [at, pair] of history.entries()) {
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(isScalar))
      return `item ${at + 1} of the history is no pair of texts`;
    turns.push({ role: "user", content: String(pair[0]) }, { role: "assistant", content: String(pair[1]) });
  }
  const text = [instruction, input].filter((part) => part.trim() !== "").join("\n\n");
  return { turns, input: text, target: output };
}

/** A conversation up to its target as one text, by which rows are compared. */
export function wholeText({ turns, input }: Pick<Exchange, "turns" | "input">): string {
  return [...turns.map(({ content }) => content), input].join("\n\n");
}
