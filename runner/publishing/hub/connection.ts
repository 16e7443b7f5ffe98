import { UserError } from "../../util/user-error.ts";
import { hubToken } from "./token.ts";

/** The Hugging Face hub as one command uses it. */
export type Hub = {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string | undefined;
  /** Like the global `fetch`, with time limits. Throws HubResponseError for a response that is not ok. */
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
  /** Wait before the first retry. Each further wait is twice as long. ms */
  readonly firstWait: number;
};

/** Parameters that every call of the hub's library takes. */
export type HubParams = { readonly hubUrl: string; readonly fetch: typeof fetch; readonly accessToken: string };

/** A response of the hub with an error status. */
export class HubResponseError extends Error {
  readonly status: number;
  /** Value of Retry-After. ms */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, retryAfter: number | undefined) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Time limits by method. PUT has none: it sends files to storage. ms */
const timeouts = { GET: 60_000, POST: 300_000 } as const;
const longestRetryAfter = 600_000;

/** Opens HF_ENDPOINT or the public hub with the user's token. Sends no request. */
export function openHub(
  { env, stop }: { readonly env: Readonly<Record<string, string | undefined>>; readonly stop: AbortSignal },
  send: typeof fetch = fetch,
): Hub {
  return {
    url: (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, ""),
    token: hubToken(env),
    signal: stop,
    firstWait: 1000,
    async fetch(input, init) {
      const timeout =
        timeouts[init?.method as keyof typeof timeouts] ?? (init?.method === undefined ? timeouts.GET : 0);
      const signals = [
        stop,
        ...(init?.signal ? [init.signal] : []),
        ...(timeout > 0 ? [AbortSignal.timeout(timeout)] : []),
      ];
      const response = await send(input, { ...init, signal: AbortSignal.any(signals) });
      if (response.ok) return response;
      const retryAfter = parseRetryAfter(response.headers.get("retry-after"));
      throw new HubResponseError(response.status, await errorMessage(response), retryAfter);
    },
  };
}

/** The parameters for a call of the hub's library. The connection must have a token. */
export function hubParams({ url, fetch, token }: Hub): HubParams {
  return { hubUrl: url, fetch, accessToken: token as string };
}

/** The error message of a response without URLs, which may be signed. */
async function errorMessage(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  try {
    const { error, message } = JSON.parse(text) as { readonly error?: unknown; readonly message?: unknown };
    const found = [error, message].find((one) => typeof one === "string") ?? "";
    return String(found)
      .replaceAll(/https?:\/\/\S+/g, "")
      .slice(0, 300);
  } catch {
    return "";
  }
}

/** Parses Retry-After: seconds or a date. Result in ms. */
function parseRetryAfter(header: string | null): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), longestRetryAfter) : undefined;
}

/** A failed call of the hub. */
export type HubFailure = {
  readonly error: UserError;
  /** Whether a retry may succeed. */
  readonly isTransient: boolean;
  /** ms */
  readonly retryAfter: number | undefined;
};

/**
 * Interprets what a call for a repository threw. Codes: offline, hub-token, hub-busy, hub-error. Rethrows what is not a failure
 * of the hub, and the reason of the signal.
 */
export function hubFailure(error: unknown, { url, signal }: Hub, repo: string): HubFailure {
  if (signal.aborted) throw error;
  if (error instanceof HubResponseError) return responseFailure(error, new URL(url).host, repo);
  const { name, cause } = error as { readonly name?: string; readonly cause?: unknown };
  if (name !== "TimeoutError" && !(error instanceof TypeError)) throw error;
  const reason = name === "TimeoutError" ? "no answer in time" : reasonOf(cause);
  const failure = new UserError("offline", `the connection to ${new URL(url).host} failed: ${reason}`, {
    help: "check the network, then run the same command again. It sends only the files that are missing",
  });
  return { error: failure, isTransient: true, retryAfter: undefined };
}

function responseFailure({ status, message, retryAfter }: HubResponseError, host: string, repo: string): HubFailure {
  const detail = message === "" ? "" : `: ${message}`;
  const failure = (code: string, help: string, isTransient: boolean): HubFailure => ({
    error: new UserError(code, `${host} answered ${status} for ${repo}${detail}`, { help }),
    isTransient,
    retryAfter,
  });
  if (status === 401 || status === 403) {
    return failure("hub-token", "set HF_TOKEN to a token with write access to the repository", false);
  }
  if ([408, 409, 412, 425, 429].includes(status) || status >= 500) {
    return failure("hub-busy", "wait, then run the same command again. It sends only the files that are missing", true);
  }
  return failure("hub-error", "correct what the message names", false);
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? ((cause as { readonly code?: string }).code ?? cause.message) : "unknown reason";
}
