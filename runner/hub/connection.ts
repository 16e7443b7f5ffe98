import { setMaxListeners } from "node:events";
import { boundedFetch, type ResponseLimits, transferLimits } from "../util/bounded-fetch.ts";
import { proxiedFetch } from "../util/proxy.ts";
import { UserError } from "../util/user-error.ts";
import { hubUrlOf } from "./places.ts";
import { hubToken } from "./token.ts";

/** The Hugging Face hub as one command uses it. */
export type Hub = {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string | undefined;
  /**
   * Like the global `fetch`, with limits on time and size. Sends the token to the hub's own address only. Throws
   * HubResponseError for a response that is not ok; UserError: response-too-large, hub-foreign-address.
   */
  readonly fetch: typeof fetch;
  /** Requests a file of this size. */
  readonly download: (url: string, bytes: number) => Promise<Response>;
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

/** Largest response that describes something, such as a page of a listing. Bytes */
const largestText = 32 * 2 ** 20;
const longestRetryAfter = 600_000;

/** Opens HF_ENDPOINT or the public hub with the user's token. Sends no request. */
export function openHub(
  { env, stop }: { readonly env: Readonly<Record<string, string | undefined>>; readonly stop: AbortSignal },
  send: typeof fetch = proxiedFetch,
): Hub {
  // Each request of a commit listens to it.
  setMaxListeners(0, stop);
  const url = hubUrlOf(env);
  const token = hubToken(env);
  const request = async (
    ...[input, init, limits]: [...Parameters<typeof fetch>, ResponseLimits]
  ): Promise<Response> => {
    const signed = withToken(input, init, { token, hub: url });
    if (token !== undefined) refuseForeignAddress(input, signed, token, url);
    const response = await followedWithin(url, input, signed, (to, options) =>
      boundedFetch(to, options, { limits, signals: [stop], send }),
    );
    if (response.ok) return response;
    const retryAfter = parseRetryAfter(response.headers.get("retry-after"));
    throw new HubResponseError(response.status, await errorMessage(response), retryAfter);
  };
  return {
    url,
    token,
    signal: stop,
    firstWait: 1000,
    fetch: (input, init) => request(input, init, limitsOf(init)),
    download: (file, bytes) =>
      request(file, { headers: { authorization: `Bearer ${token}` } }, transferLimits(Math.max(bytes, largestText))),
  };
}

const mostRedirects = 5;

/**
 * Sends a request. What the hub itself gets, such as rows in a commit, does not follow a redirect to another address.
 * Throws UserError `hub-foreign-address`.
 */
async function followedWithin(
  hub: string,
  input: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  send: (input: Parameters<typeof fetch>[0], init: RequestInit | undefined) => Promise<Response>,
): Promise<Response> {
  const { origin } = new URL(hub);
  let address = new URL(input instanceof Request ? input.url : input);
  if (init?.body === undefined || init.body === null || address.origin !== origin) return send(input, init);
  for (let redirects = 0; ; redirects++) {
    const response = await send(address, { ...init, redirect: "manual" });
    const location = response.headers.get("location");
    if (![307, 308].includes(response.status) || location === null || redirects === mostRedirects) return response;
    await response.body?.cancel();
    address = new URL(location, address);
    if (address.origin !== origin) throw foreignAddress(hub, address, "the content of the request");
  }
}

/** A PUT sends a file to storage: its time depends on the size of the file. */
function limitsOf({ method = "GET", body }: RequestInit = {}): ResponseLimits {
  const time = method === "GET" ? 60_000 : transferLimits(sizeOf(body)).time;
  return { bytes: largestText, time };
}

function sizeOf(body: RequestInit["body"]): number {
  if (body instanceof Blob) return body.size;
  if (typeof body === "string") return body.length;
  if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) return body.byteLength;
  // A stream without a known size: the largest file that the hub accepts.
  return body === null || body === undefined ? 0 : 50e9;
}

/** An answer of the hub can name the address of the next request. The token must not follow it to another host. */
function refuseForeignAddress(
  input: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  token: string,
  hub: string,
): void {
  const target = new URL(input instanceof Request ? input.url : input);
  if (target.origin === new URL(hub).origin) return;
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  if (![...headers.values()].some((value) => value.includes(token))) return;
  throw foreignAddress(hub, target, "the token");
}

function foreignAddress(hub: string, { origin }: URL, what: string): UserError {
  return new UserError(
    "hub-foreign-address",
    `${new URL(hub).host} refers to ${origin}, and ${what} is not sent there`,
    {
      help: `set HF_ENDPOINT to ${origin} if you trust it, or to the public hub`,
    },
  );
}

/** The parameters for a call of the hub's library. The connection must have a token. */
export function hubParams({ url, fetch, token }: Hub): HubParams {
  return { hubUrl: url, fetch, accessToken: libraryToken(token as string) };
}

/**
 * The library refuses a token that does not begin with "hf_", as other hubs issue it. `withToken` replaces this one.
 */
const placeholder = "hf_token_of_the_user";

/** The token that the hub's library accepts. Its requests must go through `withToken`. */
export const libraryToken = (token: string): string => (token.startsWith("hf_") ? token : placeholder);

/** A request of the hub's library with the user's token, if it goes to the hub. */
export function withToken(
  input: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  { token, hub }: { readonly token: string | undefined; readonly hub: string },
): RequestInit | undefined {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  if (headers.get("authorization") !== `Bearer ${placeholder}`) return init;
  const isHub = new URL(input instanceof Request ? input.url : input).origin === new URL(hub).origin;
  if (isHub) headers.set("authorization", `Bearer ${token}`);
  else headers.delete("authorization");
  return { ...init, headers };
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
 * Interprets what a call for a repository threw. Codes: offline, hub-token, hub-busy, hub-error. Rethrows what is not a
 * failure of the hub, and the reason of the signal.
 */
export function hubFailure(error: unknown, { url, signal }: Hub, repo: string): HubFailure {
  if (signal.aborted) throw error;
  if (error instanceof HubResponseError) return responseFailure(error, new URL(url).host, repo);
  const { name, cause } = error as { readonly name?: string; readonly cause?: unknown };
  // The library throws plain errors about what a hub answers. Errors of the system have a code.
  const isPlain = error instanceof Error && error.constructor === Error && !("code" in error);
  if (isPlain || error instanceof SyntaxError || (error instanceof TypeError && cause === undefined)) {
    const failure = new UserError("hub-error", `${new URL(url).host} answered for ${repo} what no hub answers`, {
      help: "set HF_ENDPOINT to the address of a hub, or unset it",
    });
    return { error: failure, isTransient: false, retryAfter: undefined };
  }
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
