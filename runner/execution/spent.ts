import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../util/write-file.ts";

/** Between two notes of the time, in ms: what a killed process took since the last one is not known. */
const pace = 5_000;

/**
 * Seconds that a step has taken over all tries that this one goes on from. They are noted in its work folder, which goes when the
 * step has succeeded, so that a step that was stopped and resumed tells what it cost and not what its last part did.
 */
export class Spent {
  /** Seconds of the tries before this one. */
  readonly before: number;
  readonly #work: string;
  readonly #started = performance.now();
  #noted = 0;

  constructor(work: string) {
    this.#work = work;
    this.before = readSeconds(work);
  }

  /** Seconds so far, to the millisecond. */
  get seconds(): number {
    return Math.round(this.before * 1000 + performance.now() - this.#started) / 1000;
  }

  /** Notes the time, unless it was just noted or there is nothing that a further try could go on from. */
  note({ now = false } = {}): void {
    if (!now && performance.now() - this.#noted < pace) return;
    if (!existsSync(this.#work)) return;
    this.#noted = performance.now();
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
