import type { PythonProcess } from "./process.ts";

/**
 * Idle Python processes that have already loaded what the steps with their reuse key need. A process is idle only
 * between two steps: a step that ends keeps its process for a waiting step, together with its resources, or ends it.
 */
export class WorkerPool {
  readonly #idle = new Map<string, PythonProcess[]>();

  /** The worker of one step, with an idle process if there is one. Without a key, processes end with the step. */
  lease(key: string | undefined): WorkerLease | undefined {
    if (key === undefined) return undefined;
    return new WorkerLease(this.#idle.get(key)?.pop(), (process) => {
      this.#idle.set(key, [...(this.#idle.get(key) ?? []), process]);
    });
  }
}

/** The process of one step with a reuse key. */
export class WorkerLease {
  #process: PythonProcess | undefined;
  readonly #returnToPool: (process: PythonProcess) => void;

  constructor(process: PythonProcess | undefined, returnToPool: (process: PythonProcess) => void) {
    this.#process = process;
    this.#returnToPool = returnToPool;
  }

  /** Takes the idle process. Undefined if there is none, or it has died. */
  take(): PythonProcess | undefined {
    const process = this.#process;
    this.#process = undefined;
    return process?.alive === true ? process : undefined;
  }

  /** Keeps a process that has answered and waits for another request. */
  keep(process: PythonProcess): void {
    this.#process = process;
  }

  /**
   * Ends the lease. `passOn` is called if the process is alive; it returns whether a waiting step with the same key
   * takes over the resources. That step's lease gets the process. Otherwise the process is ended. Resolves to what
   * `passOn` returned.
   */
  async close(passOn: () => boolean): Promise<boolean> {
    const process = this.#process;
    if (process?.alive === true && passOn()) {
      this.#returnToPool(process);
      return true;
    }
    await process?.end();
    return false;
  }
}
