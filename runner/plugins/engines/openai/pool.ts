import { setMaxListeners } from "node:events";

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
  const items = work.values();
  const worker = async (): Promise<void> => {
    for (const one of items) {
      if (both.aborted) return;
      try {
        await act(one, both);
      } catch (error) {
        failures.push(error);
        own.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, work.length) }, worker));
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
