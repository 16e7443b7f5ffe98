import type { Event } from "../execution/event.ts";

/** Before so many seconds have passed, a forecast would be a guess. */
const seenEnough = 5;

/** What is left of several runs at least. */
export type Left = {
  /** Seconds until all is done, side by side as steps ran so far. */
  readonly seconds: number;
  /** Seconds of all steps, one after the other. */
  readonly work: number;
  /** What they cost; undefined where no price is known. */
  readonly price: number | undefined;
};

/** Foretells what steps will take by what those of their kind took so far, or else by the plan's least estimate. `now` is in ms. */
export class Forecast {
  readonly #started: number;
  readonly #open = new Map<string, { readonly kind: string; readonly least: number }>();
  readonly #took = new Map<string, { count: number; seconds: number }>();
  #price: number | undefined;

  constructor(now: number) {
    this.#started = now;
  }

  plan({ steps, price_per_hour: price }: Extract<Event, { type: "plan" }>): void {
    this.#price = price;
    for (const { id, kind, status, seconds = 0 } of steps) {
      if (status !== "cached") this.#open.set(id, { kind, least: seconds });
    }
  }

  /** Whether the step was one of those that were left. */
  end({ step, status, seconds }: Extract<Event, { type: "step-end" }>): boolean {
    const open = this.#open.get(step);
    if (open === undefined) return false;
    this.#open.delete(step);
    if (status !== "built") return true;
    const before = this.#took.get(open.kind) ?? { count: 0, seconds: 0 };
    this.#took.set(open.kind, { count: before.count + 1, seconds: before.seconds + seconds });
    return true;
  }

  /** `doneOf` gives the share of a running step that is done. Undefined while too little has been seen. */
  left(now: number, doneOf: (step: string) => number): Left | undefined {
    const taken = [...this.#took.values()].reduce((sum, { seconds }) => sum + seconds, 0);
    const elapsed = (now - this.#started) / 1000;
    if (taken === 0 || elapsed < seenEnough || this.#open.size === 0) return undefined;
    let work = 0;
    for (const [step, { kind, least }] of this.#open) {
      const known = this.#took.get(kind);
      work += (known === undefined ? least : known.seconds / known.count) * (1 - doneOf(step));
    }
    const price = this.#price === undefined ? undefined : (work / 3600) * this.#price;
    return { seconds: work / Math.max(1, taken / elapsed), work, price };
  }
}
