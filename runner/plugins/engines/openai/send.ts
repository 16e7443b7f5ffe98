import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../../util/canonical.ts";
import { UserError } from "../../../util/user-error.ts";
import type { Pace } from "./pace.ts";
import { type Reply, readComplaint, readReply } from "./reply.ts";

/** A server and how patiently it is asked. */
export type Server = {
  /** "http://127.0.0.1:8080/v1": `/chat/completions` is put behind it. */
  readonly baseUrl: string;
  /** Sent as a bearer token, and nowhere else. */
  readonly apiKey: string | undefined;
  /** Seconds that one request may take. */
  readonly timeout: number;
  /** Further tries after a failure that may pass. */
  readonly retries: number;
  /** Milliseconds before the first retry; each further wait is twice as long, at most a minute, and shortened at random. */
  readonly firstWait: number;
  readonly pace: Pace;
  readonly signal: AbortSignal;
  /** Told of each retry. */
  readonly onRetry: (why: string) => void;
};

const longestWait = 60_000;

/** What went wrong in one try; `passing` may be better the next time. */
type Trouble = {
  readonly code: string;
  readonly message: string;
  readonly help: string;
  readonly passing: boolean;
  /** Milliseconds that the server asked to wait. */
  readonly after?: number;
};

/** Posts one chat completion until it is answered. Throws UserError with the last trouble, or the signal's reason. */
export async function send(server: Server, body: Json): Promise<Reply> {
  for (let tries = 0; ; tries++) {
    await server.pace.turn(server.signal);
    const result = await attempt(server, body);
    if ("answer" in result) return result;
    const { code, message, help, passing, after } = result;
    if (!passing || tries >= server.retries) {
      const often = passing && tries > 0 ? ` (${tries + 1} tries)` : "";
      throw new UserError(code, server.apiKey ? withoutKey(message + often, server.apiKey) : message + often, {
        help: passing ? `${help}; what was answered is kept, and the next run goes on from there` : help,
      });
    }
    server.onRetry(code);
    if (after === undefined) {
      const longest = Math.min(longestWait, server.firstWait * 2 ** tries);
      await sleep(longest * (0.5 + Math.random() / 2), undefined, { signal: server.signal });
    } else server.pace.hold(after);
  }
}

async function attempt(server: Server, body: Json): Promise<Reply | Trouble> {
  const url = `${server.baseUrl.replace(/\/+$/, "")}/chat/completions`;
  const timeout = AbortSignal.timeout(server.timeout * 1000);
  let status: number;
  let headers: Headers;
  let text: string;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(server.apiKey === undefined ? {} : { authorization: `Bearer ${server.apiKey}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([server.signal, timeout]),
      redirect: "error",
    });
    ({ status, headers } = response);
    text = await response.text();
  } catch (error) {
    server.signal.throwIfAborted();
    if (timeout.aborted) {
      return {
        code: "server-timeout",
        message: `the server did not answer within ${server.timeout} s`,
        help: "raise generate.timeout, or lower generate.concurrency",
        passing: true,
      };
    }
    return {
      code: "server-unreachable",
      message: `the server at ${origin(url)} cannot be reached, or broke off: ${causeOf(error)}`,
      help: "start the server, or correct generate.base_url",
      passing: true,
    };
  }
  if (status !== 200) return refused(status, headers, text, url);
  const reply = readReply(text);
  if (reply !== undefined) return reply;
  return {
    code: "server-invalid-response",
    message: `the server's answer is no chat completion: ${readComplaint(text)}`,
    help: "see that generate.base_url ends where /chat/completions follows, usually in /v1",
    passing: true,
  };
}

function refused(status: number, headers: Headers, text: string, url: string): Trouble {
  const said = `the server answered ${status}: ${readComplaint(text)}`;
  const passing = (code: string, help: string): Trouble => {
    const after = retryAfter(headers.get("retry-after"));
    return { code, message: said, help, passing: true, ...(after === undefined ? {} : { after }) };
  };
  const final = (code: string, help: string): Trouble => ({ code, message: said, help, passing: false });
  if (status === 401 || status === 403)
    return final("server-refused", "set the variable that generate.api_key_env names to a valid key");
  if (status === 404)
    return final("server-not-found", `correct generate.base_url (asked: ${withoutQuery(url)}) or generate.model`);
  if (status === 429)
    return passing("server-busy", "lower generate.concurrency or generate.requests_per_minute, or wait");
  if (status === 408 || status >= 500) return passing("server-error", "look at the server's own log");
  return final("server-rejected", "take out what the server does not know: generate.constrain, logprobs or extra");
}

/** `Retry-After` in milliseconds: seconds or a date, at most ten minutes. */
export function retryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), 600_000) : undefined;
}

/** A server may quote the key that it does not like. */
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
