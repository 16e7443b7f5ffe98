import type { Event } from "../execution/event.ts";

/** Seconds before a forecast is shown. */
const minElapsed = 5;

/** A lower bound of the remaining time, work and price. */
export type Remaining = {
  /** Seconds to completion, at the parallelism so far. */
  readonly seconds: number;
  /** Total seconds of the remaining steps. */
  readonly work: number;
  /** Price of the remaining steps; undefined without `price_per_hour`. */
  readonly price: number | undefined;
};

/** Forecasts remaining steps from the mean duration of finished steps of the same kind, or else from the plan's lower estimate. */
export class Forecast {
  readonly #started: number;
  readonly #open = new Map<string, { readonly kind: string; readonly estimate: number }>();
  readonly #durations = new Map<string, { count: number; seconds: number }>();
  #price: number | undefined;

  constructor(now: number) {
    this.#started = now;
  }

  plan({ steps, price_per_hour: price }: Extract<Event, { type: "plan" }>): void {
    this.#price = price;
    for (const { id, kind, status, seconds = 0 } of steps) {
      if (status !== "cached") this.#open.set(id, { kind, estimate: seconds });
    }
  }

  /** Records the end of a step. Returns whether the step was among the remaining ones. */
  end({ step, status, seconds }: Extract<Event, { type: "step-end" }>): boolean {
    const open = this.#open.get(step);
    if (open === undefined) return false;
    this.#open.delete(step);
    if (status !== "built") return true;
    const previous = this.#durations.get(open.kind) ?? { count: 0, seconds: 0 };
    this.#durations.set(open.kind, { count: previous.count + 1, seconds: previous.seconds + seconds });
    return true;
  }

  /** `doneOf` returns the completed fraction of a running step. Times are in ms. Undefined before the first finished step. */
  remaining(now: number, doneOf: (step: string) => number): Remaining | undefined {
    const finishedSeconds = [...this.#durations.values()].reduce((sum, { seconds }) => sum + seconds, 0);
    const elapsed = (now - this.#started) / 1000;
    if (finishedSeconds === 0 || elapsed < minElapsed || this.#open.size === 0) return undefined;
    let work = 0;
    for (const [step, { kind, estimate }] of this.#open) {
      const known = this.#durations.get(kind);
      work += (known === undefined ? estimate : known.seconds / known.count) * (1 - doneOf(step));
    }
    const price = this.#price === undefined ? undefined : (work / 3600) * this.#price;
    return { seconds: work / Math.max(1, finishedSeconds / elapsed), work, price };
  }
}
