import { setTimeout as sleep } from "node:timers/promises";

/** Limits the rate of requests, and delays all of them while the server requests a pause. */
export type Pace = {
  /** Resolves when the next request may be sent. Rejects when `signal` aborts. */
  turn(signal: AbortSignal): Promise<void>;
  /** Delays all requests by this number of milliseconds, as `Retry-After` requires. */
  delay(milliseconds: number): void;
};

/** At most `perMinute` requests, evenly spaced; undefined sets no limit. */
export function createPace(perMinute: number | undefined): Pace {
  const gap = perMinute === undefined ? 0 : 60_000 / perMinute;
  let next = 0;
  let delayedUntil = 0;
  return {
    async turn(signal) {
      const slot = Math.max(performance.now(), next);
      next = slot + gap;
      for (;;) {
        const wait = Math.max(slot, delayedUntil) - performance.now();
        if (wait <= 0) return signal.throwIfAborted();
        await sleep(wait, undefined, { signal });
      }
    },
    delay(milliseconds) {
      delayedUntil = Math.max(delayedUntil, performance.now() + milliseconds);
    },
  };
}
