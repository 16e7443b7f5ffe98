import { UserError } from "../../util/user-error.ts";
import { hubToken } from "./token.ts";

/** The hub as one command asks it: where it is, the user's token, and a `fetch` that tells refusals apart. */
export type Hub = {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token: string | undefined;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
  /** Milliseconds before the first new try; each further wait is twice as long. */
  readonly firstWait: number;
};

/** What the hub's library takes of a connection in every call. */
export type Asked = { readonly hubUrl: string; readonly fetch: typeof fetch; readonly accessToken: string };

/** The hub said no. `status` is HTTP's; `after` the milliseconds that it asked to wait. */
export class HubRefusal extends Error {
  readonly status: number;
  readonly after: number | undefined;

  constructor(status: number, message: string, after: number | undefined) {
    super(message);
    this.status = status;
    this.after = after;
  }
}

/** Milliseconds that the hub may take to answer a question; what is sent to storage may take as long as it takes. */
const patience = { GET: 60_000, POST: 300_000 } as const;
const longestWait = 600_000;

/** Opens HF_ENDPOINT, or the public hub, with the user's token. Nothing is asked yet. */
export function openHub(
  { env, stop }: { readonly env: Readonly<Record<string, string | undefined>>; readonly stop: AbortSignal },
  ask: typeof fetch = fetch,
): Hub {
  return {
    url: (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, ""),
    token: hubToken(env),
    signal: stop,
    firstWait: 1000,
    async fetch(input, init) {
      const limit = patience[init?.method as keyof typeof patience] ?? (init?.method === undefined ? patience.GET : 0);
      const signals = [
        stop,
        ...(init?.signal ? [init.signal] : []),
        ...(limit > 0 ? [AbortSignal.timeout(limit)] : []),
      ];
      const response = await ask(input, { ...init, signal: AbortSignal.any(signals) });
      if (response.ok) return response;
      const after = waitOf(response.headers.get("retry-after"));
      throw new HubRefusal(response.status, await complaint(response), after);
    },
  };
}

/** What every call of the library is given. Only for a connection that has a token. */
export function asked({ url, fetch, token }: Hub): Asked {
  return { hubUrl: url, fetch, accessToken: token as string };
}

/** The hub's own words, without addresses: those of its storage are signed. */
async function complaint(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  try {
    const { error, message } = JSON.parse(text) as { readonly error?: unknown; readonly message?: unknown };
    const said = [error, message].find((one) => typeof one === "string") ?? "";
    return String(said)
      .replaceAll(/https?:\/\/\S+/g, "")
      .slice(0, 300);
  } catch {
    return "";
  }
}

function waitOf(header: string | null): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), longestWait) : undefined;
}

/** What went wrong, as users are told it; `passing` may be better in a moment. */
export type Trouble = { readonly failure: UserError; readonly passing: boolean; readonly after: number | undefined };

/** Reads what a call threw. Passes on what is no trouble of the hub's, and the signal's own reason. */
export function troubleOf(error: unknown, { url, signal }: Hub, what: string): Trouble {
  if (signal.aborted) throw error;
  if (error instanceof HubRefusal) return refused(error, new URL(url).host, what);
  const { name, cause } = error as { readonly name?: string; readonly cause?: unknown };
  if (name !== "TimeoutError" && !(error instanceof TypeError)) throw error;
  const why = name === "TimeoutError" ? "no answer in time" : causeOf(cause);
  const failure = new UserError("offline", `${new URL(url).host} cannot be reached, or broke off: ${why}`, {
    help: "see to the network, then run the same command again: it goes on with the files that are not there yet",
  });
  return { failure, passing: true, after: undefined };
}

function refused({ status, message, after }: HubRefusal, host: string, what: string): Trouble {
  const words = message === "" ? "" : `: ${message}`;
  const said = (code: string, help: string, passing: boolean): Trouble => ({
    failure: new UserError(code, `${host} answered ${status} for ${what}${words}`, { help }),
    passing,
    after,
  });
  if (status === 401 || status === 403) {
    return said("hub-token", "set HF_TOKEN to a token that may write to the repository", false);
  }
  if ([408, 409, 412, 425, 429].includes(status) || status >= 500) {
    return said(
      "hub-busy",
      "wait, then run the same command again: it goes on with the files that are not there yet",
      true,
    );
  }
  return said("hub-error", "correct what the hub complains about", false);
}

function causeOf(cause: unknown): string {
  if (cause instanceof AggregateError) return causeOf(cause.errors[0]);
  return cause instanceof Error
    ? ((cause as { readonly code?: string }).code ?? cause.message)
    : "the connection failed";
}
