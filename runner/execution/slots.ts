import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Needs } from "../plugins/step.ts";
import type { Gpu, Machine } from "./devices.ts";

/** Tries to take a GPU for this process among all processes of the machine; undefined while another has it. */
export type LockGpu = (gpu: Gpu) => { release(): void } | undefined;

/** What a step was given: use it, then release it or pass it on. */
export type Grant<Gift = never> = {
  readonly cores: number;
  readonly gpus: readonly Gpu[];
  /** The part of each of them that is this step's: 1 unless GPUs are shared. */
  readonly gpuShare: number;
  /** What the step whose place this one took has left for it. */
  readonly gift: Gift | undefined;
  /** Safe to repeat. */
  release(): void;
  /**
   * Gives all of it, and a gift, to the first step in the queue that is of the same kin and needs as much; false where there
   * is none. That step goes before others: it needs the machine for less long than it would later.
   */
  passOn(gift: Gift): boolean;
};

/** A GPU that this process has locked, how much of it is free, and how many steps use it. */
type Taken = { readonly lock: { release(): void }; free: number; steps: number };

/** What a step takes over from one of its reuseKey: a gift, and the GPUs that are locked already. */
type Legacy<Gift> = { readonly gift: Gift; readonly gpus: readonly Gpu[] };

type Waiter<Gift> = {
  readonly needs: Needs;
  readonly reuseKey: string | undefined;
  readonly start: (legacy?: Legacy<Gift>) => void;
};

const gpuRetry = 1_000;

/** Shares the machine among steps, first come first served; but one of the same kin may follow where it gains by that. */
export class Slots<Gift = never> {
  readonly #machine: Machine;
  readonly #lockGpu: LockGpu;
  readonly #shareGpus: boolean;
  readonly #taken = new Map<string, Taken>();
  #free: Needs;
  #queue: Waiter<Gift>[] = [];

  /** With `shareGpus`, steps of this process whose memory fits one GPU together run on it together. */
  constructor(machine: Machine, lockGpu: LockGpu, { shareGpus = false }: { readonly shareGpus?: boolean } = {}) {
    this.#machine = machine;
    this.#lockGpu = lockGpu;
    this.#shareGpus = shareGpus;
    this.#free = { cores: machine.cores, gpus: machine.gpus.length, memory: machine.memory };
  }

  /**
   * Waits until the needs are free and resolves to the grant; rejects with the signal's reason once it is aborted. Needs
   * beyond the machine are cut to it. A later step may go first only with what no earlier one waits for.
   */
  async acquire(needs: Needs, signal: AbortSignal, reuseKey?: string): Promise<Grant<Gift>> {
    signal.throwIfAborted();
    setMaxListeners(0, signal);
    const share = this.#shareOf(needs);
    const cut = this.#cut(needs, share);
    const legacy = await this.#wait(cut, reuseKey, signal);
    let gpus = legacy?.gpus;
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
      gift: legacy?.gift,
      release: () => {
        if (!open) return;
        open = false;
        this.#giveGpus(held, share);
        this.#give(cut);
      },
      passOn: (gift) => {
        if (!open || !this.#handOver(cut, reuseKey, { gift, gpus: held })) return false;
        open = false;
        return true;
      },
    };
  }

  /** Starts the first waiter of the same kin with what another has, if there is one that this is enough for. */
  #handOver(has: Needs, reuseKey: string | undefined, legacy: Legacy<Gift>): boolean {
    const enough = ({ cores, gpus, memory }: Needs): boolean =>
      cores === has.cores && gpus === has.gpus && memory - has.memory <= this.#free.memory;
    const heir = this.#queue.find(
      (waiter) => reuseKey !== undefined && waiter.reuseKey === reuseKey && enough(waiter.needs),
    );
    if (heir === undefined) return false;
    this.#queue = this.#queue.filter((waiter) => waiter !== heir);
    this.#free = minus(this.#free, minus(heir.needs, has));
    heir.start(legacy);
    this.#serve();
    return true;
  }

  /** The part of a GPU that a step's memory is of the smallest one; all of it where either is not known. */
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

  #wait(needs: Needs, reuseKey: string | undefined, signal: AbortSignal): Promise<Legacy<Gift> | undefined> {
    return new Promise((resolve, reject) => {
      const abandon = () => {
        this.#queue = this.#queue.filter((one) => one !== waiter);
        reject(signal.reason);
        this.#serve();
      };
      const start = (legacy?: Legacy<Gift>) => {
        signal.removeEventListener("abort", abandon);
        resolve(legacy);
      };
      const waiter: Waiter<Gift> = { needs, reuseKey, start };
      signal.addEventListener("abort", abandon, { once: true });
      this.#queue.push(waiter);
      this.#serve();
    });
  }

  /** Starts whoever fits; what an earlier one waits for is set aside before a later one is looked at. */
  #serve(): void {
    let open = this.#free;
    const waiting: Waiter<Gift>[] = [];
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
      // Uneven, so that two processes that want the same two GPUs do not keep meeting.
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

/** Shares are fractions: what is given back is not to the last bit what was taken. */
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

/** Shows a child its GPUs and no others; with none, a machine that has some hides them. */
export function gpuVariables(gpus: readonly Gpu[]): Readonly<Record<string, string>> {
  return { CUDA_VISIBLE_DEVICES: gpus.map((gpu) => gpu.uuid).join(",") };
}
