import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Needs } from "../plugins/step.ts";
import { gigabytes, plural } from "../util/format.ts";
import type { Gpu, Machine } from "./devices.ts";

/** Tries to lock a GPU among all processes of the machine. Undefined if another process has it. */
export type LockGpu = (gpu: Gpu) => { release(): void } | undefined;

/** The resources of a running step. Release them, or pass them on. */
export type Grant = {
  readonly cores: number;
  readonly gpus: readonly Gpu[];
  /** The part of each GPU that the step may use: 1 unless GPUs are shared. */
  readonly gpuShare: number;
  /** Repeated calls do nothing. */
  release(): void;
  /**
   * Gives all resources, with the same GPUs, to the first waiting step with the same reuse key and equal needs. Returns
   * false if there is none. That step overtakes others, because it is faster with a process that is already loaded.
   */
  passOn(): boolean;
};

/** A GPU that this process has locked, the part of it that is free, and the number of steps that use it. */
type Taken = { readonly lock: { release(): void }; free: number; steps: number };

type Waiter = {
  readonly needs: Needs;
  readonly reuseKey: string | undefined;
  /** `gpus` are those of a step that passed its resources on. */
  readonly start: (gpus?: readonly Gpu[]) => void;
};

/** ms */
const gpuRetry = 1_000;

/**
 * Shares the machine among steps: first come, first served, except for steps that take over the resources of another
 * one.
 */
export class Slots {
  readonly #machine: Machine;
  readonly #lockGpu: LockGpu;
  readonly #shareGpus: boolean;
  readonly #taken = new Map<string, Taken>();
  #free: Needs;
  #queue: Waiter[] = [];

  /** With `shareGpus`, steps of this process run together on one GPU if their memory fits it. */
  constructor(machine: Machine, lockGpu: LockGpu, { shareGpus = false }: { readonly shareGpus?: boolean } = {}) {
    this.#machine = machine;
    this.#lockGpu = lockGpu;
    this.#shareGpus = shareGpus;
    this.#free = { cores: machine.cores, gpus: machine.gpus.length, memory: machine.memory };
  }

  /**
   * Waits until the needs are free. Rejects with the signal's reason if it is aborted. Needs beyond the machine are
   * reduced to it. A later step overtakes an earlier one only with resources that no earlier one waits for.
   */
  async acquire(needs: Needs, signal: AbortSignal, reuseKey?: string): Promise<Grant> {
    signal.throwIfAborted();
    setMaxListeners(0, signal);
    const share = this.#shareOf(needs);
    const cut = this.#cut(needs, share);
    let gpus = await this.#wait(cut, reuseKey, signal);
    try {
      gpus ??= await this.#takeGpus(Math.min(needs.gpus, this.#machine.gpus.length), share, signal);
    } catch (error) {
      this.#give(cut);
      throw error;
    }
    const held = gpus;
    let open = true;
    return {
      cores: cut.cores,
      gpus: held,
      gpuShare: share,
      release: () => {
        if (!open) return;
        open = false;
        this.#giveGpus(held, share);
        this.#give(cut);
      },
      passOn: () => {
        if (!open || !this.#handOver(cut, reuseKey, held)) return false;
        open = false;
        return true;
      },
    };
  }

  /** What a step that waits lacks: "2 cores", "1 GPU, 4.0 GB of memory". If all of it is free, an earlier step waits for it. */
  lacking(needs: Needs): string {
    const { cores, gpus, memory } = this.#cut(needs, this.#shareOf(needs));
    const free = this.#free;
    const lacks = [
      ...(cores > free.cores ? [plural(cores, "core")] : []),
      ...(gpus > 0 ? [plural(Math.ceil(gpus), "GPU")] : []),
      ...(memory > free.memory ? [`${gigabytes(memory)} of memory`] : []),
    ];
    return lacks.length > 0 ? lacks.join(", ") : "an earlier step";
  }

  /**
   * Starts the first waiter with the same reuse key for which these resources are enough. Returns whether there is one.
   */
  #handOver(held: Needs, reuseKey: string | undefined, gpus: readonly Gpu[]): boolean {
    if (reuseKey === undefined) return false;
    const isEnough = ({ cores, gpus, memory }: Needs): boolean =>
      cores === held.cores && gpus === held.gpus && memory - held.memory <= this.#free.memory;
    const next = this.#queue.find((waiter) => waiter.reuseKey === reuseKey && isEnough(waiter.needs));
    if (next === undefined) return false;
    this.#queue = this.#queue.filter((waiter) => waiter !== next);
    this.#free = minus(this.#free, minus(next.needs, held));
    next.start(gpus);
    this.#serve();
    return true;
  }

  /** A step's memory as a part of the smallest GPU. The whole GPU if either size is unknown. */
  #shareOf({ gpus, gpuMemory }: Needs): number {
    if (!this.#shareGpus || gpus !== 1 || gpuMemory === undefined) return 1;
    const sizes = this.#machine.gpus.map(({ memory }) => memory ?? 0);
    return Math.min(1, gpuMemory / Math.min(...sizes));
  }

  #cut(needs: Needs, share: number): Needs {
    const { cores, memory, gpus } = this.#machine;
    const wanted = Math.min(needs.cores, cores);
    return {
      cores: share === 1 ? wanted : Math.min(wanted, Math.max(1, Math.floor(wanted * share))),
      gpus: Math.min(needs.gpus, gpus.length) * share,
      memory: Math.min(needs.memory, memory),
    };
  }

  #wait(needs: Needs, reuseKey: string | undefined, signal: AbortSignal): Promise<readonly Gpu[] | undefined> {
    return new Promise((resolve, reject) => {
      const abandon = () => {
        this.#queue = this.#queue.filter((one) => one !== waiter);
        reject(signal.reason);
        this.#serve();
      };
      const start = (gpus?: readonly Gpu[]) => {
        signal.removeEventListener("abort", abandon);
        resolve(gpus);
      };
      const waiter: Waiter = { needs, reuseKey, start };
      signal.addEventListener("abort", abandon, { once: true });
      this.#queue.push(waiter);
      this.#serve();
    });
  }

  /** Starts every waiter that fits. The needs of an earlier waiter are reserved before a later one is considered. */
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

  /** Takes all GPUs or none: two processes that hold some and wait for more would deadlock. */
  async #takeGpus(count: number, share: number, signal: AbortSignal): Promise<readonly Gpu[]> {
    for (;;) {
      signal.throwIfAborted();
      const got: Gpu[] = [];
      for (const gpu of this.#machine.gpus) {
        if (got.length === count) break;
        if (this.#take(gpu, share)) got.push(gpu);
      }
      if (got.length === count) return got;
      this.#giveGpus(got, share);
      // Random, so that two processes that want the same GPUs do not collide again and again.
      await sleep(gpuRetry * (0.5 + Math.random()), undefined, { signal });
    }
  }

  #take(gpu: Gpu, share: number): boolean {
    let taken = this.#taken.get(gpu.uuid);
    if (taken === undefined) {
      const lock = this.#lockGpu(gpu);
      if (lock === undefined) return false;
      taken = { lock, free: 1, steps: 0 };
      this.#taken.set(gpu.uuid, taken);
    }
    if (taken.free < share - rounding) return false;
    taken.free -= share;
    taken.steps += 1;
    return true;
  }

  #giveGpus(gpus: readonly Gpu[], share: number): void {
    for (const { uuid } of gpus) {
      const taken = this.#taken.get(uuid) as Taken;
      taken.free += share;
      taken.steps -= 1;
      if (taken.steps > 0) continue;
      this.#taken.delete(uuid);
      taken.lock.release();
    }
  }
}

/** Shares are fractions, whose sums are not exact. */
const rounding = 1e-9;

function fits(needs: Needs, free: Needs): boolean {
  return (
    (needs.cores <= 0 || needs.cores <= free.cores) &&
    (needs.gpus <= 0 || needs.gpus <= free.gpus + rounding) &&
    (needs.memory <= 0 || needs.memory <= free.memory)
  );
}

function minus(a: Needs, b: Needs): Needs {
  return { cores: a.cores - b.cores, gpus: a.gpus - b.gpus, memory: a.memory - b.memory };
}

/** Environment variables that show a child process its GPUs and no others. */
export function gpuVariables(gpus: readonly Gpu[]): Readonly<Record<string, string>> {
  return { CUDA_VISIBLE_DEVICES: gpus.map((gpu) => gpu.uuid).join(",") };
}
