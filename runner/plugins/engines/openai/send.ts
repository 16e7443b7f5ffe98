import pRetry, { AbortError } from "p-retry";
import { boundedFetch } from "../../../util/bounded-fetch.ts";
import type { Json } from "../../../util/canonical.ts";
import { UserError } from "../../../util/user-error.ts";
import type { Pace } from "./pace.ts";
import { errorText, type Reply, readReply } from "./reply.ts";

/** A server, and the limits on requests to it. */
export type Server = {
  /** Such as "http://127.0.0.1:8080/v1". Requests go to `/chat/completions` below it. */
  readonly baseUrl: string;
  /** Sent as a bearer token, and never printed. */
  readonly apiKey: string | undefined;
  /** Seconds to wait for one answer. */
  readonly timeout: number;
  /** Largest response. Bytes */
  readonly maxBytes: number;
  /** Retries after a temporary failure. */
  readonly retries: number;
  /** Milliseconds before the first retry. Each further wait is twice as long, at most a minute, with random jitter. */
  readonly firstWait: number;
  readonly pace: Pace;
  readonly signal: AbortSignal;
  /** Called with the error code before each retry. */
  readonly onRetry: (code: string) => void;
};

const longestWait = 60_000;

/** Why one attempt failed. */
type Failure = {
  readonly code: string;
  readonly message: string;
  readonly help: string;
  /** Whether a retry may succeed. */
  readonly temporary: boolean;
  /** Milliseconds to wait before a retry, if the server specifies it. */
  readonly after?: number;
};

/** Sends one chat completion request, with retries. Throws a UserError for the last failure, or the reason of an aborted signal. */
export async function send(server: Server, body: Json): Promise<Reply> {
  const { signal, retries, firstWait, apiKey } = server;
  signal.throwIfAborted();
  const once = async (attempts: number): Promise<Reply> => {
    await server.pace.turn(signal);
    const result = await attempt(server, body);
    if ("answer" in result) return result;
    const { code, help, temporary, after } = result;
    const isLast = !temporary || attempts > retries;
    const message = isLast && attempts > 1 ? `${result.message} (${attempts} attempts)` : result.message;
    const failure = new UserError(code, apiKey ? withoutKey(message, apiKey) : message, {
      help: temporary ? `${help}; the answers so far are stored, and the next run resumes from them` : help,
    });
    if (isLast) throw new AbortError(failure);
    server.onRetry(code);
    if (after !== undefined) server.pace.delay(after);
    throw failure;
  };
  return pRetry(once, { retries, minTimeout: firstWait, maxTimeout: longestWait, randomize: true, signal });
}

async function attempt(server: Server, body: Json): Promise<Reply | Failure> {
  const url = `${server.baseUrl.replace(/(?<!\/)\/+$/, "")}/chat/completions`;
  let status: number;
  let headers: Headers;
  let text: string;
  try {
    const request: RequestInit = {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(server.apiKey === undefined ? {} : { authorization: `Bearer ${server.apiKey}` }),
      },
      body: JSON.stringify(body),
      redirect: "error",
    };
    const limits = { bytes: server.maxBytes, time: server.timeout * 1000 };
    const response = await boundedFetch(url, request, { limits, signals: [server.signal] });
    ({ status, headers } = response);
    text = await response.text();
  } catch (error) {
    server.signal.throwIfAborted();
    if (error instanceof UserError) {
      return { code: error.code, message: error.message, help: error.help ?? "", temporary: false };
    }
    if ((error as Error).name === "TimeoutError") {
      return {
        code: "server-timeout",
        message: `the server did not answer within ${server.timeout} s`,
        help: "raise generate.timeout, or lower generate.concurrency",
        temporary: true,
      };
    }
    return {
      code: "server-unreachable",
      message: `cannot reach the server at ${origin(url)}, or the connection broke: ${causeOf(error)}`,
      help: "start the server, or correct generate.base_url",
      temporary: true,
    };
  }
  if (status !== 200) return refused(status, headers, text, url);
  const reply = readReply(text);
  if (reply !== undefined) return withoutLongKey(reply, server.apiKey);
  return {
    code: "server-invalid-response",
    message: `the server did not return a chat completion: ${errorText(text)}`,
    help: "check generate.base_url: exp appends /chat/completions to it, and it usually ends in /v1",
    temporary: true,
  };
}

function refused(status: number, headers: Headers, text: string, url: string): Failure {
  const message = `the server answered ${status}: ${errorText(text)}`;
  const temporary = (code: string, help: string): Failure => {
    const after = retryAfter(headers.get("retry-after"));
    return { code, message, help, temporary: true, ...(after === undefined ? {} : { after }) };
  };
  const final = (code: string, help: string): Failure => ({ code, message, help, temporary: false });
  if (status === 401 || status === 403)
    return final("server-refused", "set the variable that generate.api_key_env names to a valid key");
  if (status === 404)
    return final("server-not-found", `correct generate.base_url (requested: ${withoutQuery(url)}) or generate.model`);
  if (status === 429)
    return temporary("server-busy", "lower generate.concurrency or generate.requests_per_minute, or wait");
  if (status === 408 || status >= 500) return temporary("server-error", "read the log of the server");
  return final(
    "server-rejected",
    "remove the keys that the server does not support: generate.constrain, logprobs or extra",
  );
}

/** `Retry-After`, which is seconds or a date, in milliseconds; at most ten minutes. */
export function retryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), 600_000) : undefined;
}

/**
 * An answer that quotes the key would bring it into reports. The body is parsed before, because its strings may have
 * escapes. Short keys, such as EMPTY, may be words of an answer.
 */
function withoutLongKey({ answer, model }: Reply, key = ""): Reply {
  const clean = (text: string): string => (key.length < 16 ? text : withoutKey(text, key));
  return {
    answer: { ...answer, text: clean(answer.text) },
    ...(model === undefined ? {} : { model: clean(model) }),
  };
}

/** A server may quote the rejected key in its message. */
function withoutKey(text: string, key: string): string {
  return text.replaceAll(key, "[redacted]");
}

function causeOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  if (cause instanceof AggregateError) return causeOf({ cause: cause.errors[0] });
  if (cause instanceof Error) return (cause as { code?: string }).code ?? cause.message;
  return error instanceof Error ? error.message : String(error);
}

const origin = (url: string): string => new URL(url).origin;
const withoutQuery = (url: string): string => url.split("?")[0] as string;
