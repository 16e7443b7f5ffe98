import { setTimeout as sleep } from "node:timers/promises";

/** When the next request may leave: no more than so many a minute, and none while the server has asked to wait. */
export type Pace = {
  /** Resolves when a request may leave. Rejects when `signal` aborts. */
  turn(signal: AbortSignal): Promise<void>;
  /** Holds all requests back for so many milliseconds: what `Retry-After` asks for. */
  hold(milliseconds: number): void;
};

/** A pace of at most `perMinute` requests, evenly spaced; undefined sets no bound. */
export function createPace(perMinute: number | undefined): Pace {
  const gap = perMinute === undefined ? 0 : 60_000 / perMinute;
  let next = 0;
  let heldUntil = 0;
  return {
    async turn(signal) {
      const mine = Math.max(performance.now(), next);
      next = mine + gap;
      for (;;) {
        const wait = Math.max(mine, heldUntil) - performance.now();
        if (wait <= 0) return signal.throwIfAborted();
        await sleep(wait, undefined, { signal });
      }
    },
    hold(milliseconds) {
      heldUntil = Math.max(heldUntil, performance.now() + milliseconds);
    },
  };
}
