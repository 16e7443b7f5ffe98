import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Needs } from "../plan/step.ts";
import type { Gpu, Machine } from "./devices.ts";

/** Tries to take a GPU for this process among all processes of the machine; undefined while another has it. */
export type LockGpu = (gpu: Gpu) => { release(): void } | undefined;

/** What a step was given: use it, then release it. */
export type Grant = {
  readonly cores: number;
  readonly gpus: readonly Gpu[];
  /** Safe to repeat. */
  release(): void;
};

type Waiter = { readonly needs: Needs; readonly start: () => void };

const gpuRetry = 1_000;

/** Shares the machine among steps, first come first served. */
export class Slots {
  readonly #machine: Machine;
  readonly #lockGpu: LockGpu;
  readonly #taken = new Set<string>();
  #free: Needs;
  #queue: Waiter[] = [];

  constructor(machine: Machine, lockGpu: LockGpu) {
    this.#machine = machine;
    this.#lockGpu = lockGpu;
    this.#free = { cores: machine.cores, gpus: machine.gpus.length, memory: machine.memory };
  }

  /**
   * Waits until the needs are free and resolves to the grant; rejects with the signal's reason once it is aborted. Needs
   * beyond the machine are cut to it. A later step may go first only with what no earlier one waits for.
   */
  async acquire(needs: Needs, signal: AbortSignal): Promise<Grant> {
    signal.throwIfAborted();
    setMaxListeners(0, signal);
    const cut = this.#cut(needs);
    await this.#wait(cut, signal);
    let locks: Map<Gpu, { release(): void }>;
    try {
      locks = await this.#lockGpus(cut.gpus, signal);
    } catch (error) {
      this.#give(cut);
      throw error;
    }
    let held = true;
    return {
      cores: cut.cores,
      gpus: [...locks.keys()],
      release: () => {
        if (!held) return;
        held = false;
        this.#unlock(locks);
        this.#give(cut);
      },
    };
  }

  #cut(needs: Needs): Needs {
    const { cores, memory, gpus } = this.#machine;
    return {
      cores: Math.min(needs.cores, cores),
      gpus: Math.min(needs.gpus, gpus.length),
      memory: Math.min(needs.memory, memory),
    };
  }

  #wait(needs: Needs, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abandon = () => {
        this.#queue = this.#queue.filter((one) => one !== waiter);
        reject(signal.reason);
        this.#serve();
      };
      const start = () => {
        signal.removeEventListener("abort", abandon);
        resolve();
      };
      const waiter: Waiter = { needs, start };
      signal.addEventListener("abort", abandon, { once: true });
      this.#queue.push(waiter);
      this.#serve();
    });
  }

  /** Starts whoever fits; what an earlier one waits for is set aside before a later one is looked at. */
  #serve(): void {
    let open = this.#free;
    const waiting: Waiter[] = [];
    for (const waiter of this.#queue) {
      if (fits(waiter.needs, open)) {
        this.#free = minus(this.#free, waiter.needs);
        waiter.start();
      } else waiting.push(waiter);
      open = minus(open, waiter.needs);
    }
    this.#queue = waiting;
  }

  #give(needs: Needs): void {
    this.#free = minus(this.#free, { cores: -needs.cores, gpus: -needs.gpus, memory: -needs.memory });
    this.#serve();
  }

  /** All of them or none: holding some while waiting for more would let two processes wait for each other. */
  async #lockGpus(count: number, signal: AbortSignal): Promise<Map<Gpu, { release(): void }>> {
    for (;;) {
      signal.throwIfAborted();
      const locks = new Map<Gpu, { release(): void }>();
      for (const gpu of this.#machine.gpus) {
        if (locks.size === count) break;
        const lock = this.#taken.has(gpu.uuid) ? undefined : this.#lockGpu(gpu);
        if (lock === undefined) continue;
        this.#taken.add(gpu.uuid);
        locks.set(gpu, lock);
      }
      if (locks.size === count) return locks;
      this.#unlock(locks);
      // Uneven, so that two processes that want the same two GPUs do not keep meeting.
      await sleep(gpuRetry * (0.5 + Math.random()), undefined, { signal });
    }
  }

  #unlock(locks: ReadonlyMap<Gpu, { release(): void }>): void {
    for (const [gpu, lock] of locks) {
      lock.release();
      this.#taken.delete(gpu.uuid);
    }
  }
}

function fits(needs: Needs, free: Needs): boolean {
  return (
    (needs.cores <= 0 || needs.cores <= free.cores) &&
    (needs.gpus <= 0 || needs.gpus <= free.gpus) &&
    (needs.memory <= 0 || needs.memory <= free.memory)
  );
}

function minus(a: Needs, b: Needs): Needs {
  return { cores: a.cores - b.cores, gpus: a.gpus - b.gpus, memory: a.memory - b.memory };
}

/** Shows a child its GPUs and no others; with none, a machine that has some hides them. */
export function gpuVariables(gpus: readonly Gpu[]): Readonly<Record<string, string>> {
  return { CUDA_VISIBLE_DEVICES: gpus.map((gpu) => gpu.uuid).join(",") };
}
