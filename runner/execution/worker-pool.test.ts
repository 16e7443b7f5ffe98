import { expect, test } from "vitest";
import type { PythonProcess } from "./process.ts";
import { WorkerPool } from "./worker-pool.ts";

/** A process that records whether it was ended. */
function fake(alive = true) {
  const state = { isEnded: false };
  const process = {
    alive,
    end: async () => {
      state.isEnded = true;
    },
  } as unknown as PythonProcess;
  return { process, state };
}

test("a process goes to the next lease with the same key if its resources are passed on", async () => {
  const pool = new WorkerPool();
  const { process, state } = fake();
  const first = pool.lease("a");
  expect(first?.take()).toBeUndefined();
  first?.keep(process);
  expect(await first?.close(() => true)).toBe(true);
  expect(pool.lease("b")?.take()).toBeUndefined();
  expect(pool.lease("a")?.take()).toBe(process);
  expect(pool.lease("a")?.take()).toBeUndefined();
  expect(state.isEnded).toBe(false);
});

test("a process ends if no step takes over its resources, or the next step does not use it", async () => {
  const pool = new WorkerPool();
  const [first, second] = [fake(), fake()];
  const lease = pool.lease("a");
  lease?.keep(first.process);
  expect(await lease?.close(() => false)).toBe(false);
  expect(first.state.isEnded).toBe(true);
  const before = pool.lease("a");
  before?.keep(second.process);
  await before?.close(() => true);
  expect(await pool.lease("a")?.close(() => false)).toBe(false);
  expect(second.state.isEnded).toBe(true);
});

test("a dead process is neither used nor passed on, and without a key there is no lease", async () => {
  const pool = new WorkerPool();
  const lease = pool.lease("a");
  lease?.keep(fake(false).process);
  expect(await lease?.close(() => true)).toBe(false);
  lease?.keep(fake(false).process);
  expect(lease?.take()).toBeUndefined();
  expect(pool.lease(undefined)).toBeUndefined();
});
