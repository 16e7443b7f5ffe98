import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StoreRecord } from "../../pipeline/plan/record.ts";
import type { Digests } from "../../store/digest.ts";
import { isFull } from "../../store/disk-full.ts";
import type { Store } from "../../store/store.ts";
import { DiskStore } from "../remotes/disk-store.ts";
import { recordedKeys } from "../remotes/layout.ts";
import { putStep, takeStep } from "./step-copies.ts";
import { deleteWork, putWork, stateOf, takeWork, type WorkState } from "./work-copies.ts";

/** Interval between two checks of work folders. A folder with the same state in two checks is settled. ms */
const checkInterval = 1_000;
/** Pause between two copies of a work folder: at least this, and this many times the duration of the last copy. ms */
const shortestPause = 2_000;
const pauseFactor = 5;
/** Pause after a failed copy. ms */
const pauseAfterFailure = 30_000;

/** What a mirror needs. */
export type MirrorContext = {
  readonly store: Store;
  readonly digests: Digests;
  /** Called with problems of the mirror. They never fail a run. */
  warn(message: string): void;
};

/** A work folder that a step writes. `copied` is the state of the last copy. */
type WatchedFolder = { last: WorkState | undefined; copied: string | undefined; notBefore: number; stopped: boolean };

/**
 * Copies finished steps and checkpoints to a disk that outlives this machine, and back. Copies in the background, one file at a
 * time. What it takes back must be complete and match its digests.
 */
export class Mirror {
  readonly #context: MirrorContext;
  readonly #disk: DiskStore;
  readonly #abort: AbortController;
  readonly #watched = new Map<string, WatchedFolder>();
  /** Finished steps to be copied, and the keys whose copied work folders are then deleted. */
  readonly #finished = new Map<string, { readonly record: StoreRecord; readonly obsolete: readonly string[] }>();
  readonly #warned = new Set<string>();
  #mirrored: Promise<Set<string>> | undefined;
  #wake: AbortController = new AbortController();
  #closing = false;
  #copying: Promise<void> | undefined;

  constructor(folder: string, context: MirrorContext) {
    this.#abort = new AbortController();
    this.#disk = new DiskStore(folder, this.#abort.signal);
    this.#context = context;
  }

  /** Makes the folder a mirror and starts to copy. */
  async open(): Promise<void> {
    await this.#warningOnError(() => this.#disk.create());
    this.#copying = this.#run();
  }

  /** Copies a finished step into the store; false if the mirror has no intact copy. */
  async takeStep(key: string): Promise<boolean> {
    return (
      (await this.#warningOnError(async () => {
        const keys = await this.#keys();
        if (!keys.has(key)) return false;
        if (await takeStep(this.#disk, this.#context.store, key)) return true;
        keys.delete(key);
        this.#warn("damaged", `its copy of step ${key.slice(0, 8)} is damaged. The step is built again`);
        return false;
      })) ?? false
    );
  }

  /** Copies the work folder of an interrupted step back, unless this machine has one. Returns whether it did. */
  async takeWork(key: string): Promise<boolean> {
    const { store } = this.#context;
    return (await this.#warningOnError(() => takeWork(this.#disk, { key, folder: this.#folder(key), store }))) ?? false;
  }

  /** Starts to copy the work folder of a key when it changes. */
  stepStarted(key: string): void {
    this.#watched.set(key, { last: undefined, copied: undefined, notBefore: 0, stopped: false });
  }

  /** Copies the work folder of a stopped step once more, then no longer. */
  stepStopped(key: string): void {
    const watched = this.#watched.get(key);
    if (watched !== undefined) watched.stopped = true;
    this.#wake.abort();
  }

  /** Copies a finished step, then deletes the copied work folders of the `obsolete` keys: its own, unless it paused. */
  stepFinished(record: StoreRecord, obsolete: readonly string[]): void {
    if (obsolete.includes(record.key)) this.#watched.delete(record.key);
    else this.stepStopped(record.key);
    this.#finished.set(record.key, { record, obsolete });
    this.#wake.abort();
  }

  /** Makes the pending copies, until `timeout` ms have passed or `hurry` aborts. Warns about copies that are still missing. */
  async close(timeout: number, hurry: AbortSignal): Promise<void> {
    this.#closing = true;
    this.#wake.abort();
    const enough = AbortSignal.any([hurry, AbortSignal.timeout(timeout)]);
    const stop = (): void => this.#abort.abort();
    if (enough.aborted) stop();
    enough.addEventListener("abort", stop);
    await this.#copying;
    enough.removeEventListener("abort", stop);
    const pending = this.#finished.size + this.#watched.size;
    if (pending > 0) this.#warn("pending", `${pending} copies are missing. The next run with --mirror makes them`);
  }

  async #run(): Promise<void> {
    for (;;) {
      const worked = await this.#step();
      if (this.#abort.signal.aborted) return;
      if (this.#closing && (!worked.tried || worked.failed)) return;
      if (worked.tried && !worked.failed) continue;
      this.#wake = new AbortController();
      const pause = worked.failed ? pauseAfterFailure : checkInterval;
      // During the run, a pause follows a failed copy. At the end there is one more attempt.
      if (!this.#closing) await sleep(pause, undefined, { signal: this.#wake.signal, ref: false }).catch(() => {});
      if (worked.failed && !this.#closing) continue;
    }
  }

  /** Makes one copy that is due: of a finished step, else of a work folder. */
  async #step(): Promise<{ readonly tried: boolean; readonly failed: boolean }> {
    for (const [key, finished] of this.#finished) {
      const done = await this.#warningOnError(() => this.#putStep(finished.record, finished.obsolete));
      if (done === undefined) return { tried: true, failed: true };
      if (this.#finished.get(key) === finished) this.#finished.delete(key);
      return { tried: true, failed: false };
    }
    for (const [key, watched] of this.#watched) {
      if (!this.#isDue(key, watched)) continue;
      const done = await this.#warningOnError(() => this.#putWork(key, watched));
      return { tried: true, failed: done === undefined };
    }
    return { tried: false, failed: false };
  }

  async #putStep(record: StoreRecord, obsolete: readonly string[]): Promise<true> {
    await this.#disk.check();
    const keys = await this.#keys();
    if (keys.has(record.key)) return true;
    await putStep(this.#disk, this.#context.store, record);
    keys.add(record.key);
    for (const key of obsolete) await deleteWork(this.#disk, key);
    return true;
  }

  /** Whether a work folder has settled changes, and the pause since its last copy is over. */
  #isDue(key: string, watched: WatchedFolder): boolean {
    const state = this.#stateOf(key);
    const settled = watched.stopped || state?.settled === watched.last?.settled;
    watched.last = state;
    if (state === undefined || state.whole === watched.copied) {
      if (watched.stopped) this.#watched.delete(key);
      return false;
    }
    return settled && (watched.stopped || performance.now() >= watched.notBefore);
  }

  async #putWork(key: string, watched: WatchedFolder): Promise<true> {
    const { store, digests } = this.#context;
    const started = performance.now();
    await this.#disk.check();
    const seen = watched.last as WorkState;
    const put = await putWork(this.#disk, { key, folder: this.#folder(key), seen, store, digests });
    if (put) watched.copied = seen.whole;
    else if (watched.stopped) this.#watched.delete(key);
    watched.notBefore = performance.now() + Math.max(shortestPause, pauseFactor * (performance.now() - started));
    return true;
  }

  /** The state of a work folder; undefined if it changes while it is read. */
  #stateOf(key: string): WorkState | undefined {
    try {
      return stateOf(this.#folder(key));
    } catch {
      return undefined;
    }
  }

  #folder(key: string): string {
    return join(this.#context.store.root, "work", key);
  }

  /** Keys with a record on the disk. Listed once: a listing may be slow. */
  #keys(): Promise<Set<string>> {
    this.#mirrored ??= recordedKeys(this.#disk).catch((error) => {
      this.#mirrored = undefined;
      throw error;
    });
    return this.#mirrored;
  }

  /** The result of work on the disk; undefined if it fails. Warns once for each cause. */
  async #warningOnError<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (this.#abort.signal.aborted) return undefined;
      const { code, message } = error as NodeJS.ErrnoException;
      this.#warn(code ?? "failed", isFull(error) ? "its disk is full. Free some space there" : message);
      return undefined;
    }
  }

  #warn(cause: string, message: string): void {
    if (this.#warned.has(cause)) return;
    this.#warned.add(cause);
    this.#context.warn(`mirror ${this.#disk.folder}: ${message}`);
  }
}
