import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../util/write-file.ts";

/** Minimum time between two writes, in ms. A killed process loses the time since its last write. */
const interval = 5_000;

/**
 * Seconds that a step has taken over all its attempts. They are stored in the work folder, which is deleted when the
 * step has succeeded, so that a resumed step reports its whole cost.
 */
export class ElapsedTime {
  /** Seconds of earlier attempts. */
  readonly before: number;
  readonly #work: string;
  readonly #started = performance.now();
  #written = 0;

  constructor(work: string) {
    this.#work = work;
    this.before = readSeconds(work);
  }

  /** Seconds so far, to the millisecond. */
  get seconds(): number {
    return Math.round(this.before * 1000 + performance.now() - this.#started) / 1000;
  }

  /**
   * Stores the time, at most every five seconds unless `now`. Does nothing without a work folder: nothing could be
   * resumed.
   */
  write({ now = false } = {}): void {
    if (!now && performance.now() - this.#written < interval) return;
    if (!existsSync(this.#work)) return;
    this.#written = performance.now();
    writeFileAtomic(join(this.#work, "spent.json"), JSON.stringify({ seconds: this.seconds }));
  }
}

function readSeconds(work: string): number {
  try {
    const { seconds } = JSON.parse(readFileSync(join(work, "spent.json"), "utf8")) as { readonly seconds: unknown };
    return typeof seconds === "number" && seconds >= 0 ? seconds : 0;
  } catch {
    return 0;
  }
}
