import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Gpu } from "./devices.ts";
import { type Grant, gpuVariables, Slots } from "./slots.ts";

const never = new AbortController().signal;

function gpu(index: number): Gpu {
  return { index, uuid: `GPU-${index}`, name: "T4", memory: 2 ** 34, capability: "7.5" };
}

/** A machine with 100 bytes of memory. Other processes hold the GPUs in `busy`. */
function slots(cores: number, gpus = 0, busy = new Set<string>(), shareGpus = false) {
  const locked: string[] = [];
  const machine = { cores, memory: 100, gpus: Array.from({ length: gpus }, (_, index) => gpu(index)) };
  const lock = ({ uuid }: Gpu) => {
    if (busy.has(uuid)) return undefined;
    locked.push(uuid);
    return { release: () => void locked.splice(locked.indexOf(uuid), 1) };
  };
  const shared = new Slots(machine, lock, { shareGpus });
  return { shared, locked };
}

/** Acquires resources. `grant` is set once they are granted. */
function ask(shared: Slots, cores: number, gpus = 0, memory = 0, gpuMemory?: number) {
  const state: { grant?: Grant } = {};
  void shared
    .acquire({ cores, gpus, memory, ...(gpuMemory === undefined ? {} : { gpuMemory }) }, never)
    .then((grant) => {
      state.grant = grant;
    });
  return state;
}

test("grants free resources at once, and others after a release", async () => {
  const { shared } = slots(2);
  const [a, b, c] = [ask(shared, 1), ask(shared, 1), ask(shared, 1)];
  await sleep(0);
  expect([a.grant?.cores, b.grant?.cores, c.grant]).toEqual([1, 1, undefined]);
  a.grant?.release();
  a.grant?.release();
  await sleep(0);
  expect(c.grant?.cores).toBe(1);
});

test("names what a step lacks", async () => {
  const { shared } = slots(2, 1);
  const taken = await shared.acquire({ cores: 1, gpus: 0, memory: 60 }, never);
  expect(shared.lacking({ cores: 2, gpus: 0, memory: 10 })).toBe("2 cores");
  expect(shared.lacking({ cores: 1, gpus: 1, memory: 60 })).toMatch(/^1 GPU, .*memory$/);
  expect(shared.lacking({ cores: 1, gpus: 0, memory: 10 })).toBe("an earlier step");
  taken.release();
});

test("needs beyond the machine are reduced to it", async () => {
  const { shared } = slots(2);
  expect(await shared.acquire({ cores: 64, gpus: 8, memory: 1e12 }, never)).toMatchObject({ cores: 2, gpus: [] });
});

test("small steps do not starve a large one, and use resources that it does not need", async () => {
  const { shared } = slots(4, 1);
  const onGpu = ask(shared, 1, 1);
  await sleep(0);
  const second = ask(shared, 1, 1);
  const small = [ask(shared, 1), ask(shared, 1), ask(shared, 1)];
  const idle = ask(shared, 0);
  await sleep(0);
  expect(second.grant).toBeUndefined();
  expect(small.map((one) => one.grant !== undefined)).toEqual([true, true, false]);
  expect(idle.grant).toBeDefined();
  onGpu.grant?.release();
  await sleep(0);
  expect(second.grant?.gpus.map(({ index }) => index)).toEqual([0]);
});

test("memory is limited too", async () => {
  const { shared } = slots(4);
  const first = ask(shared, 1, 0, 60);
  const second = ask(shared, 1, 0, 60);
  await sleep(0);
  expect(second.grant).toBeUndefined();
  first.grant?.release();
  await sleep(0);
  expect(second.grant).toBeDefined();
});

test("an aborted wait rejects and does not block the next one", async () => {
  const { shared } = slots(2);
  const first = await shared.acquire({ cores: 1, gpus: 0, memory: 0 }, never);
  const control = new AbortController();
  const large = shared.acquire({ cores: 2, gpus: 0, memory: 0 }, control.signal);
  const small = ask(shared, 1);
  await sleep(0);
  expect(small.grant).toBeUndefined();
  control.abort(new Error("stop"));
  await expect(large).rejects.toThrow("stop");
  await sleep(0);
  expect(small.grant).toBeDefined();
  first.release();
});

test("skips a GPU that another process holds, and locks none while too few are free", async () => {
  const busy = new Set(["GPU-0", "GPU-1"]);
  const { shared, locked } = slots(4, 3, busy);
  const one = ask(shared, 0, 1);
  await sleep(0);
  expect(one.grant?.gpus.map(({ index }) => index)).toEqual([2]);
  const two = ask(shared, 0, 2);
  await sleep(0);
  expect(two.grant).toBeUndefined();
  expect(locked).toEqual(["GPU-2"]);
  busy.clear();
  await sleep(1600);
  expect(two.grant?.gpus.map(({ index }) => index)).toEqual([0, 1]);
  one.grant?.release();
  two.grant?.release();
  expect(locked).toEqual([]);
  expect(gpuVariables([gpu(0), gpu(2)])).toEqual({ CUDA_VISIBLE_DEVICES: "GPU-0,GPU-2" });
});

test("steps share a GPU if that is enabled and their memory fits; a step of unknown memory has it alone", async () => {
  const { shared, locked } = slots(9, 2, new Set(), true);
  const part = (of: number) => ask(shared, 4, 1, 0, of * 2 ** 34);
  const [a, b, c, d] = [part(0.6), part(0.4), part(0.6), part(0.6)];
  const alone = ask(shared, 1, 1);
  await sleep(0);
  expect([a, b, c, d, alone].map(({ grant }) => grant?.gpus.map(({ index }) => index))).toEqual([
    [0],
    [0],
    [1],
    undefined,
    undefined,
  ]);
  expect([a.grant?.cores, b.grant?.cores, a.grant?.gpuShare]).toEqual([2, 1, 0.6]);
  expect(locked).toEqual(["GPU-0", "GPU-1"]);
  a.grant?.release();
  await sleep(1600);
  expect(d.grant?.gpus.map(({ index }) => index)).toEqual([0]);
  for (const one of [b, c, d]) one.grant?.release();
  await sleep(1600);
  expect(alone.grant?.gpuShare).toBe(1);
  alone.grant?.release();
  expect(locked).toEqual([]);
});

test("GPUs are not shared by default", async () => {
  const { shared } = slots(4, 1);
  const [a, b] = [ask(shared, 1, 1, 0, 2 ** 30), ask(shared, 1, 1, 0, 2 ** 30)];
  await sleep(0);
  expect([a.grant?.gpuShare, b.grant]).toEqual([1, undefined]);
});

test("a waiting step with the same reuse key and equal needs takes over the resources, with the same GPUs, before others", async () => {
  const { shared, locked } = slots(2, 1);
  const first = await shared.acquire({ cores: 2, gpus: 1, memory: 40 }, never, "a");
  const order: string[] = [];
  const wait = async (name: string, reuseKey: string | undefined, cores: number, memory: number) => {
    const grant = await shared.acquire({ cores, gpus: 1, memory }, never, reuseKey);
    order.push(name);
    expect(locked).toEqual(["GPU-0"]);
    return grant;
  };
  const other = wait("other", undefined, 2, 0);
  const smaller = wait("smaller", "a", 1, 0);
  const successor = wait("successor", "a", 2, 60);
  expect(first.passOn()).toBe(true);
  expect(first.passOn()).toBe(false);
  first.release();
  const taken = await successor;
  expect(taken.gpus).toEqual(first.gpus);
  expect(taken.passOn()).toBe(false);
  taken.release();
  (await other).release();
  (await smaller).release();
  expect(order).toEqual(["successor", "other", "smaller"]);
});

test("grants never exceed the machine, and every step gets its resources, for any needs in any order", async () => {
  const machine = { cores: 4, gpus: 2, memory: 100 };
  const need = fc.record({
    cores: fc.nat(5),
    gpus: fc.nat(3),
    memory: fc.nat(120),
    reuseKey: fc.constantFrom("a", "b"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(need, { maxLength: 30 }), async (needs) => {
      const { shared, locked } = slots(machine.cores, machine.gpus);
      const used = { cores: 0, gpus: 0, memory: 0 };
      let served = 0;
      const step = async (one: (typeof needs)[number]) => {
        const grant = await shared.acquire(one, never, one.reuseKey);
        const own = {
          cores: grant.cores,
          gpus: grant.gpus.length,
          memory: Math.min(one.memory, machine.memory),
        };
        const kinds = ["cores", "gpus", "memory"] as const;
        for (const kind of kinds) used[kind] += own[kind];
        for (const kind of kinds) expect(used[kind]).toBeLessThanOrEqual(machine[kind]);
        expect(new Set(locked).size).toBe(locked.length);
        await Promise.resolve();
        for (const kind of kinds) used[kind] -= own[kind];
        served += 1;
        if (!grant.passOn()) grant.release();
      };
      await Promise.all(needs.map(step));
      expect(served).toBe(needs.length);
    }),
    { numRuns: 50 },
  );
});
