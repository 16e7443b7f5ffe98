import { setMaxListeners } from "node:events";
import PQueue from "p-queue";

/**
 * Calls `act` for every item, at most `concurrency` at a time. The first failure aborts the signal that the running calls
 * received. It is thrown after all of them have ended.
 */
export async function pool<T>(
  work: readonly T[],
  concurrency: number,
  signal: AbortSignal,
  act: (one: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const own = new AbortController();
  const both = AbortSignal.any([signal, own.signal]);
  setMaxListeners(0, both);
  const failures: unknown[] = [];
  const queue = new PQueue({ concurrency });
  for (const one of work) {
    void queue.add(async () => {
      if (both.aborted) return;
      await act(one, both).catch((error: unknown) => {
        failures.push(error);
        own.abort();
      });
    });
  }
  await queue.onIdle();
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
