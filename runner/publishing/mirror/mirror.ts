import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StoreRecord } from "../../pipeline/plan/record.ts";
import type { Digests } from "../../store/digest.ts";
import type { Store } from "../../store/store.ts";
import { Disk } from "../remotes/disk-store.ts";
import { finishedKeys, putFinished, takeFinished } from "./step-copies.ts";
import { dropWork, type Look, lookAt, putWork, takeWork } from "./work-copies.ts";

/** Between two looks at the work folders of running steps; one that two looks find the same has settled. ms */
const betweenLooks = 1_000;
/** Between two copies of one work folder: at least this, and this many times as long as the last one took. ms */
const shortestPause = 2_000;
const pauseFactor = 5;
/** After the disk has refused a copy, before the next attempt. ms */
const afterFailure = 30_000;

/** What a mirror works with. */
export type MirrorParts = {
  readonly store: Store;
  readonly digests: Digests;
  /** Told of what the user should know; a mirror that fails never fails a run. */
  warn(message: string): void;
};

/** A work folder that is being written, and what is copied of it. */
type Watched = { last: Look | undefined; copied: string | undefined; notBefore: number; ended: boolean };

/**
 * A second place for finished steps and checkpoints, on a disk that outlives this machine. Copies are made in the
 * background, one at a time; what is taken back is checked by digest and counts only when it is whole.
 */
export class Mirror {
  readonly #parts: MirrorParts;
  readonly #disk: Disk;
  readonly #abort: AbortController;
  readonly #watched = new Map<string, Watched>();
  readonly #finished = new Map<string, { readonly record: StoreRecord; readonly taken: readonly string[] }>();
  readonly #warned = new Set<string>();
  #there: Promise<Set<string>> | undefined;
  #wake: AbortController = new AbortController();
  #closing = false;
  #work: Promise<void> | undefined;

  constructor(folder: string, parts: MirrorParts) {
    this.#abort = new AbortController();
    this.#disk = new Disk(folder, this.#abort.signal);
    this.#parts = parts;
  }

  /** Makes the folder a mirror and begins to copy. */
  async open(): Promise<void> {
    await this.#forgiving(() => this.#disk.create());
    this.#work = this.#run();
  }

  /** Takes a finished step back into the store: true when it stands there now. */
  async takeFinished(key: string): Promise<boolean> {
    return (
      (await this.#forgiving(async () => {
        const keys = await this.#keys();
        if (!keys.has(key)) return false;
        if (await takeFinished(this.#disk, this.#parts.store, key)) return true;
        keys.delete(key);
        this.#warn("damaged", `its copy of step ${key.slice(0, 8)} is not whole: the step is made again`);
        return false;
      })) ?? false
    );
  }

  /** Puts back what an interrupted step can go on from, unless this machine has it: true when it did. */
  async takeWork(key: string): Promise<boolean> {
    const { store } = this.#parts;
    return (await this.#forgiving(() => takeWork(this.#disk, { key, folder: this.#folder(key), store }))) ?? false;
  }

  /** From now on the work folder of a key is watched. */
  begun(key: string): void {
    this.#watched.set(key, { last: undefined, copied: undefined, notBefore: 0, ended: false });
  }

  /** The step has stopped: what it has saved last is copied once more. */
  ended(key: string): void {
    const watched = this.#watched.get(key);
    if (watched !== undefined) watched.ended = true;
    this.#wake.abort();
  }

  /** A finished step is copied, and the work folders of the keys whose work it has `taken` over are forgotten: its own, unless it paused. */
  keep(record: StoreRecord, taken: readonly string[]): void {
    if (taken.includes(record.key)) this.#watched.delete(record.key);
    else this.ended(record.key);
    this.#finished.set(record.key, { record, taken });
    this.#wake.abort();
  }

  /** Copies what is left, for so many ms at most or until `hurry` aborts. Says what was left behind. */
  async close(patience: number, hurry: AbortSignal): Promise<void> {
    this.#closing = true;
    this.#wake.abort();
    const enough = AbortSignal.any([hurry, AbortSignal.timeout(patience)]);
    const stop = (): void => this.#abort.abort();
    if (enough.aborted) stop();
    enough.addEventListener("abort", stop);
    await this.#work;
    enough.removeEventListener("abort", stop);
    const left = this.#finished.size + this.#watched.size;
    if (left > 0) this.#warn("left", `${left} of its copies could not be made; the next run with --mirror makes them`);
  }

  async #run(): Promise<void> {
    for (;;) {
      const worked = await this.#step();
      if (this.#abort.signal.aborted) return;
      if (this.#closing && (!worked.tried || worked.failed)) return;
      if (worked.tried && !worked.failed) continue;
      this.#wake = new AbortController();
      const pause = worked.failed ? afterFailure : betweenLooks;
      // While a disk fails only the end of the run is worth another attempt.
      if (!this.#closing) await sleep(pause, undefined, { signal: this.#wake.signal, ref: false }).catch(() => {});
      if (worked.failed && !this.#closing) continue;
    }
  }

  /** One copy, if one is due: finished steps before checkpoints. */
  async #step(): Promise<{ readonly tried: boolean; readonly failed: boolean }> {
    for (const [key, finished] of this.#finished) {
      const done = await this.#forgiving(() => this.#putFinished(finished.record, finished.taken));
      if (done === undefined) return { tried: true, failed: true };
      if (this.#finished.get(key) === finished) this.#finished.delete(key);
      return { tried: true, failed: false };
    }
    for (const [key, watched] of this.#watched) {
      if (!this.#isDue(key, watched)) continue;
      const done = await this.#forgiving(() => this.#putWork(key, watched));
      return { tried: true, failed: done === undefined };
    }
    return { tried: false, failed: false };
  }

  async #putFinished(record: StoreRecord, taken: readonly string[]): Promise<true> {
    await this.#disk.check();
    const keys = await this.#keys();
    if (keys.has(record.key)) return true;
    await putFinished(this.#disk, this.#parts.store, record);
    keys.add(record.key);
    for (const key of taken) await dropWork(this.#disk, key);
    return true;
  }

  /** Whether a work folder has something new that holds still, and its last copy is long enough ago. */
  #isDue(key: string, watched: Watched): boolean {
    const look = this.#lookAt(key);
    const settled = watched.ended || look?.settled === watched.last?.settled;
    watched.last = look;
    if (look === undefined || look.whole === watched.copied) {
      if (watched.ended) this.#watched.delete(key);
      return false;
    }
    return settled && (watched.ended || performance.now() >= watched.notBefore);
  }

  async #putWork(key: string, watched: Watched): Promise<true> {
    const { store, digests } = this.#parts;
    const began = performance.now();
    await this.#disk.check();
    const seen = watched.last as Look;
    const put = await putWork(this.#disk, { key, folder: this.#folder(key), seen, store, digests });
    if (put) watched.copied = seen.whole;
    else if (watched.ended) this.#watched.delete(key);
    watched.notBefore = performance.now() + Math.max(shortestPause, pauseFactor * (performance.now() - began));
    return true;
  }

  /** A folder that changes while it is read is looked at again later. */
  #lookAt(key: string): Look | undefined {
    try {
      return lookAt(this.#folder(key));
    } catch {
      return undefined;
    }
  }

  #folder(key: string): string {
    return join(this.#parts.store.root, "work", key);
  }

  /** Keys that the disk has: listed once, since a slow disk lists slowly. */
  #keys(): Promise<Set<string>> {
    this.#there ??= finishedKeys(this.#disk).catch((error) => {
      this.#there = undefined;
      throw error;
    });
    return this.#there;
  }

  /** What the disk gives, or undefined where it fails: the user is told once for each cause. */
  async #forgiving<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (this.#abort.signal.aborted) return undefined;
      const { code, message } = error as NodeJS.ErrnoException;
      const full = code === "ENOSPC" || code === "EDQUOT";
      this.#warn(code ?? "failed", full ? "its disk is full: copies wait for space" : message);
      return undefined;
    }
  }

  #warn(cause: string, message: string): void {
    if (this.#warned.has(cause)) return;
    this.#warned.add(cause);
    this.#parts.warn(`mirror ${this.#disk.folder}: ${message}`);
  }
}
