import type { Event, StepStatus } from "../execute/event.ts";
import type { Progress } from "../plan/step.ts";
import { skipText } from "./lines.ts";
import { type Glyphs, progressRow, share } from "./progress.ts";
import { duration, plural } from "./quantity.ts";
import { cut } from "./width.ts";

type Running = {
  readonly started: number;
  progress: Progress;
  /** Where counting began, for an estimate of the time left: a resumed step does not begin at 0. */
  first: { readonly at: number; readonly share: number } | undefined;
};

/** Before this much of a step is seen, an estimate of its time left would be a guess. ms */
const seenEnough = 5_000;

/** What a live view knows of a run: a fold over events, and the texts of its rows. `now` is in ms. */
export class Board {
  readonly #running = new Map<string, Running>();
  readonly #counts = { built: 0, reused: 0, failed: 0, skipped: 0 };
  readonly #started: number;
  readonly #open = new Map<string, string>();
  readonly #runOf = new Map<string, string>();
  readonly #took = new Map<string, { count: number; seconds: number }>();
  #best: Extract<Event, { type: "score" }> | undefined;
  #steps = 0;
  #runs = 0;
  #runsEnded = 0;

  constructor(now: number) {
    this.#started = now;
  }

  apply(event: Event, now: number): void {
    if (event.type === "plan") {
      // A sweep that chooses has a second plan: what its winner needs.
      this.#steps += event.steps.length;
      this.#runs += event.runs;
      for (const { id, kind, status, run } of event.steps) {
        if (status !== "cached") this.#open.set(id, kind);
        if (run !== undefined) this.#runOf.set(id, run);
      }
    } else if (event.type === "step-start") {
      this.#running.set(event.step, { started: now, progress: {}, first: undefined });
    } else if (event.type === "progress") {
      const row = this.#running.get(event.step);
      if (row === undefined) return;
      const { type: _type, step: _step, ...progress } = event;
      row.progress = { ...row.progress, ...progress };
      const fraction = share(row.progress);
      if (fraction !== undefined) row.first ??= { at: now, share: fraction };
    } else if (event.type === "step-end") {
      this.#running.delete(event.step);
      this.#counts[event.status] += 1;
      this.#measure(event);
    } else if (event.type === "score") {
      const { value, lowerIsBetter } = event;
      const best = this.#best?.value;
      if (best === undefined || (lowerIsBetter ? value < best : value > best)) this.#best = event;
    } else if (event.type === "run-end") this.#runsEnded += 1;
  }

  #measure({ step, status, seconds }: Extract<Event, { type: "step-end" }>): void {
    const kind = this.#open.get(step);
    this.#open.delete(step);
    if (kind === undefined || status !== "built") return;
    const before = this.#took.get(kind) ?? { count: 0, seconds: 0 };
    this.#took.set(kind, { count: before.count + 1, seconds: before.seconds + seconds });
  }

  /** Seconds that the steps which are left will take at least, by what steps of their kinds took so far, side by side as these ran. */
  #left(now: number): number | undefined {
    const taken = [...this.#took.values()].reduce((sum, { seconds }) => sum + seconds, 0);
    const elapsed = (now - this.#started) / 1000;
    if (taken === 0 || elapsed < seenEnough / 1000) return undefined;
    let left = 0;
    for (const kind of this.#open.values()) {
      const known = this.#took.get(kind);
      if (known !== undefined) left += known.seconds / known.count;
    }
    return left / Math.max(1, taken / elapsed);
  }

  /** A step as its row names it: by what sets its run of a sweep apart, where it has one. */
  label(step: string): string {
    const run = this.#runOf.get(step);
    return run === undefined ? step : `${step.replace(/@[0-9a-f]{8}$/, "")} ${run}`;
  }

  /** The row of all runs: "5 of 9 steps, 2 reused  1m02s". */
  head(now: number, cells: number, stopping: boolean): string {
    const { built, reused, failed, skipped } = this.#counts;
    const ended = built + reused + failed + skipped;
    const time = duration((now - this.#started) / 1000);
    if (stopping) return cut(`stopping; Ctrl-C again ends it at once  ${time}`, cells);
    const runs = this.#runs > 1 ? `${this.#runsEnded} of ${plural(this.#runs, "run")}, ` : "";
    const counted = Object.entries({ reused, failed }).flatMap(([name, count]) =>
      count > 0 ? [`${count} ${name}`] : [],
    );
    const left = this.#runs > 1 ? this.#left(now) : undefined;
    const best = this.#best && `best ${this.#best.metric} ${this.#best.value.toFixed(3)} (${this.#best.run})`;
    const more = [...(left === undefined ? [] : [`at least ${duration(left)} left`]), ...(best ? [best] : [])];
    const done = [`${ended} of ${plural(this.#steps, "step")}`, ...counted].join(", ");
    return cut([`${runs}${done}`, time, ...more].join("  "), cells);
  }

  /** The last state of the row of all runs: "9 steps: 7 built, 2 reused in 4m12s". */
  foot(now: number, cells: number): string {
    const { built, reused, failed, skipped } = this.#counts;
    const counted = Object.entries({ failed, skipped, built, reused }).flatMap(([name, count]) =>
      count > 0 ? [`${count} ${name}`] : [],
    );
    const time = duration((now - this.#started) / 1000);
    return cut(`${plural(this.#steps, "step")}: ${counted.join(", ")} in ${time}`, cells);
  }

  /** How many steps have ended, by how they ended. */
  get counts(): Readonly<Record<StepStatus, number>> {
    return this.#counts;
  }

  /** The row of a running step, at most `cells` wide. */
  row(step: string, now: number, cells: number, glyphs: Glyphs): string {
    const name = this.label(step);
    const running = this.#running.get(step);
    if (running === undefined) return cut(name, cells);
    const left = running.progress.seconds_left ?? estimate(running, now);
    const progress = left === undefined ? running.progress : { ...running.progress, seconds_left: left };
    if (share(progress) !== undefined) return progressRow(name, progress, cells, glyphs);
    const elapsed = duration((now - running.started) / 1000);
    return progressRow(`${cut(name, Math.max(8, cells - elapsed.length - 2))}  ${elapsed}`, progress, cells, glyphs);
  }
}

/** Seconds left at the pace so far. */
function estimate({ first, progress }: Running, now: number): number | undefined {
  const fraction = share(progress);
  if (first === undefined || fraction === undefined || fraction <= first.share || now - first.at < seenEnough)
    return undefined;
  return (((now - first.at) / (fraction - first.share)) * (1 - fraction)) / 1000;
}

/** The row of a step that has ended, at most `cells` wide. */
export function endedRow(
  { step, status, seconds, because }: Extract<Event, { type: "step-end" }>,
  cells: number,
): string {
  const how = status === "skipped" ? skipText(because) : status === "failed" ? "failed" : "";
  const time = status === "skipped" ? "" : duration(seconds);
  const rest = [how, time].filter((text) => text !== "").join(" after ");
  return cut(`${cut(step, Math.max(8, cells - rest.length - 2))}  ${rest}`, cells);
}
