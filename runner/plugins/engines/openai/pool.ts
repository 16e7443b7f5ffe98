import { setMaxListeners } from "node:events";

/**
 * Does every piece of work, so many at once. The first failure aborts what is under way, through the signal that each is
 * given, and is thrown when all have ended.
 */
export async function pool<T>(
  work: readonly T[],
  concurrency: number,
  signal: AbortSignal,
  act: (one: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const ours = new AbortController();
  const both = AbortSignal.any([signal, ours.signal]);
  setMaxListeners(0, both);
  const failures: unknown[] = [];
  const todo = work.values();
  const worker = async (): Promise<void> => {
    for (const one of todo) {
      if (both.aborted) return;
      try {
        await act(one, both);
      } catch (error) {
        failures.push(error);
        ours.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, work.length) }, worker));
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
