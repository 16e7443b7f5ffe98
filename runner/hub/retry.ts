import { setTimeout as sleep } from "node:timers/promises";
import pRetry, { AbortError } from "p-retry";
import type { UserError } from "../util/user-error.ts";
import { type Hub, hubFailure } from "./connection.ts";

/** Attempts in a row without progress. */
const maxAttempts = 5;
const longestWait = 60_000;

export type RetryOptions = {
  /** Called before each retry. */
  readonly onRetry?: (failure: UserError) => void;
  /** Whether the failed attempt achieved something. If so, the count of attempts starts again. */
  readonly hasProgressed?: () => boolean;
};

/** Repeats work for a repository after transient failures of the hub. Throws what `hubFailure` gives or rethrows. */
export function retryHub<T>(
  hub: Hub,
  repo: string,
  work: () => Promise<T>,
  { onRetry, hasProgressed }: RetryOptions = {},
): Promise<T> {
  let failures = 0;
  const attempt = async (): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const { error: failure, isTransient, retryAfter } = interpret(error, hub, repo);
      failures = hasProgressed?.() === true ? 1 : failures + 1;
      if (!isTransient || failures >= maxAttempts) throw new AbortError(failure);
      onRetry?.(failure);
      if (retryAfter !== undefined) await sleep(retryAfter, undefined, { signal: hub.signal });
      throw failure;
    }
  };
  // `attempt` decides when to stop, since progress resets the count.
  const limits = { retries: maxAttempts - 1, forever: true };
  return pRetry(attempt, { ...limits, minTimeout: hub.firstWait, maxTimeout: longestWait, signal: hub.signal });
}

/** Like hubFailure, but stops the retries where that rethrows. */
function interpret(error: unknown, hub: Hub, repo: string) {
  try {
    return hubFailure(error, hub, repo);
  } catch (other) {
    throw new AbortError(other as Error);
  }
}
