import type { Event, StepStatus } from "../execution/event.ts";
import { shortKeys } from "../reporting/report/ablation.ts";
import { decimal, duration, plural } from "../util/format.ts";
import type { Progress } from "../util/progress.ts";
import { Forecast } from "./forecast.ts";
import { skipText } from "./lines-reporter.ts";
import { type Glyphs, progressRow, share } from "./progress-line.ts";
import { cut, textWidth } from "./text-width.ts";

type Running = {
  /** Start time in ms. */
  readonly started: number;
  /** What a step that has not started waits for. */
  readonly waitsFor: string | undefined;
  progress: Progress;
  /** The first reported progress, from which the remaining time is estimated: a resumed step does not start at 0. */
  first: { readonly at: number; readonly share: number } | undefined;
};

/** A run of a sweep: remaining steps, running steps and results. */
type Run = {
  left: number;
  readonly running: Set<string>;
  seconds: number;
  failed: string | undefined;
  because: string | undefined;
  score: string | undefined;
};

/** Minimum observation time before the remaining time of a step is estimated, in ms. */
const minObserved = 5_000;

/**
 * The state of the live view, folded from events, and the text of its rows. A row is a run of a sweep, or a step that
 * belongs to no single run. `now` is in ms; `cells` is the width of a row.
 */
export class RunProgress {
  readonly #running = new Map<string, Running>();
  readonly #counts = { built: 0, reused: 0, failed: 0, skipped: 0 };
  readonly #started: number;
  readonly #forecast: Forecast;
  readonly #runOf = new Map<string, string>();
  readonly #labels = new Map<string, string>();
  readonly #runs = new Map<string, Run>();
  #best: Extract<Event, { type: "score" }> | undefined;
  #steps = 0;
  #planned = 0;
  #ended = 0;
  #widest = 0;

  constructor(now: number) {
    this.#started = now;
    this.#forecast = new Forecast(now);
  }

  apply(event: Event, now: number): void {
    if (event.type === "plan") {
      // A sweep with selection has several plans: the next rung, and the test run of the selected setting.
      this.#steps += event.steps.length;
      this.#planned += event.runs;
      this.#forecast.plan(event);
      for (const { id, status, run, label } of event.steps) {
        if (label !== undefined) this.#labels.set(id, label);
        if (run === undefined) continue;
        this.#runOf.set(id, run);
        if (status !== "cached") this.#runByName(run).left += 1;
      }
    } else if (event.type === "step-wait" || event.type === "step-start") {
      const waitsFor = event.type === "step-wait" ? event.for : undefined;
      this.#running.set(event.step, { started: now, waitsFor, progress: {}, first: undefined });
      this.#runWith(event.step)?.running.add(event.step);
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
      if (this.#forecast.end(event)) this.#endStepOfRun(event);
    } else if (event.type === "score") {
      const { run, metric, value, lowerIsBetter } = event;
      this.#runByName(run).score = `${metric} ${decimal(value, 3)}`;
      const best = this.#best?.value;
      if (best === undefined || (lowerIsBetter ? value < best : value > best)) this.#best = event;
    } else if (event.type === "run-end") this.#ended += 1;
  }

  #endStepOfRun({ step, status, seconds, because }: Extract<Event, { type: "step-end" }>): void {
    const run = this.#runWith(step);
    if (run === undefined) return;
    run.left -= 1;
    run.running.delete(step);
    run.seconds += seconds;
    if (status === "failed") run.failed ??= step.replace(/@[0-9a-f]{8}$/, "");
    if (status === "skipped") run.because ??= because ?? "";
  }

  #runByName(name: string): Run {
    const known = this.#runs.get(name);
    if (known !== undefined) return known;
    const score = undefined;
    const run: Run = { left: 0, running: new Set(), seconds: 0, failed: undefined, because: undefined, score };
    this.#runs.set(name, run);
    this.#widest = Math.max(this.#widest, textWidth(shortRun(name)));
    return run;
  }

  #runWith(step: string): Run | undefined {
    const run = this.#runOf.get(step);
    return run === undefined ? undefined : this.#runs.get(run);
  }

  /** The row of a step: its run in a sweep, or the step itself. */
  rowOf(step: string): string {
    return this.#runOf.get(step) ?? step;
  }

  /** The state of a row. A run is waiting if none of its steps works. */
  stateOf(row: string): "busy" | "waiting" | "done" | "failed" | "skipped" {
    const run = this.#runs.get(row);
    if (run === undefined) return this.#isWorking(row) ? "busy" : "waiting";
    if ([...run.running].some((step) => this.#isWorking(step))) return "busy";
    if (run.left > 0 || run.running.size > 0) return "waiting";
    return run.failed !== undefined ? "failed" : run.because !== undefined ? "skipped" : "done";
  }

  /** The readable name of a step. */
  nameOf(step: string): string {
    return this.#labels.get(step) ?? step;
  }

  #isWorking(step: string): boolean {
    const running = this.#running.get(step);
    return running !== undefined && running.waitsFor === undefined;
  }

  /** The head row: "5 of 9 steps, 2 reused  1m02s". */
  head(now: number, cells: number, stopping: boolean): string {
    const { built, reused, failed, skipped } = this.#counts;
    const ended = built + reused + failed + skipped;
    const time = duration((now - this.#started) / 1000);
    if (stopping) return cut(`Stopping. Press Ctrl-C again to stop immediately.  ${time}`, cells);
    const runs = this.#planned > 1 ? `${this.#ended} of ${plural(this.#planned, "run")}, ` : "";
    const counted = Object.entries({ reused, failed }).flatMap(([name, count]) =>
      count > 0 ? [`${count} ${name}`] : [],
    );
    const left = this.#planned > 1 ? this.#forecast.remaining(now, this.#doneOf) : undefined;
    const more = left === undefined ? [] : [`at least ${duration(left.seconds)} left`];
    const done = [`${ended} of ${plural(this.#steps, "step")}`, ...counted].join(", ");
    return cut([`${runs}${done}`, time, ...more].join("  "), cells);
  }

  /**
   * The forecast of several runs and the best score: "1h03m of work left, price 0.63; best micro_f1 0.512 (rank=8)".
   */
  outlook(now: number, cells: number): string {
    if (this.#planned < 2) return "";
    const left = this.#forecast.remaining(now, this.#doneOf);
    const price = left?.price === undefined ? "" : `, price ${left.price.toFixed(2)}`;
    const best =
      this.#best && `best ${this.#best.metric} ${decimal(this.#best.value, 3)} (${shortRun(this.#best.run)})`;
    const work = left && `${duration(left.work)} of work left${price}`;
    return cut([work, best].filter((part) => part !== undefined).join("; "), cells);
  }

  readonly #doneOf = (step: string): number => share(this.#running.get(step)?.progress ?? {}) ?? 0;

  /** The final head row: "9 steps: 7 built, 2 reused in 4m12s". */
  foot(now: number, cells: number): string {
    const { built, reused, failed, skipped } = this.#counts;
    const counted = Object.entries({ failed, skipped, built, reused }).flatMap(([name, count]) =>
      count > 0 ? [`${count} ${name}`] : [],
    );
    const time = duration((now - this.#started) / 1000);
    return cut(`${plural(this.#steps, "step")}: ${counted.join(", ")} in ${time}`, cells);
  }

  /** Finished steps by status. */
  get counts(): Readonly<Record<StepStatus, number>> {
    return this.#counts;
  }

  /** The text of an unfinished row. */
  row(row: string, now: number, cells: number, glyphs: Glyphs): string {
    const run = this.#runs.get(row);
    if (run === undefined) return this.#stepRow(row, this.nameOf(row), now, cells, glyphs);
    const title = this.#title(row, cells);
    const steps = [...run.running];
    const step = steps.find((one) => this.#isWorking(one)) ?? steps[0];
    if (step === undefined) return cut(`${title}  waiting`, cells);
    const name = step.replace(/@[0-9a-f]{8}$/, "");
    const waitsFor = this.#running.get(step)?.waitsFor;
    if (waitsFor !== undefined) return cut(`${title}  ${name} waiting for ${waitsFor}`, cells);
    return `${title}  ${this.#stepRow(step, name, now, cells - textWidth(title) - 2, glyphs)}`;
  }

  /** A run's name, padded to the longest name, and at most half of the row. */
  #title(run: string, cells: number): string {
    const width = Math.min(this.#widest, Math.floor(cells / 2));
    const name = cut(shortRun(run), width);
    return name + " ".repeat(Math.max(0, width - textWidth(name)));
  }

  #stepRow(step: string, name: string, now: number, cells: number, glyphs: Glyphs): string {
    const running = this.#running.get(step);
    if (running === undefined) return cut(name, cells);
    if (running.waitsFor !== undefined) return cut(`${name}  waiting for ${running.waitsFor}`, cells);
    const left = running.progress.seconds_left ?? estimate(running, now);
    const progress = left === undefined ? running.progress : { ...running.progress, seconds_left: left };
    if (share(progress) !== undefined) return progressRow(name, progress, cells, glyphs);
    const elapsed = duration((now - running.started) / 1000);
    return progressRow(`${cut(name, Math.max(8, cells - elapsed.length - 2))}  ${elapsed}`, progress, cells, glyphs);
  }

  /** The text of a finished run. */
  endedRun(row: string, cells: number): string {
    const run = this.#runs.get(row);
    const { failed, because, score, seconds = 0 } = run ?? {};
    const result =
      failed !== undefined ? `${failed} failed` : because !== undefined ? skipText(because) : (score ?? "");
    const time = because !== undefined && failed === undefined ? "" : duration(seconds);
    return cut([this.#title(row, cells), result, time].filter((text) => text !== "").join("  "), cells);
  }
}

/** Coordinates with the shortest distinct keys: "train.rank=8,train.method=lora" becomes "rank=8,method=lora". */
export function shortRun(coordinates: string): string {
  const named = /(^|,)([A-Za-z_][\w.]*)=/g;
  const keys = [...coordinates.matchAll(named)].map(([, , key]) => key as string);
  const short = new Map(shortKeys(keys).map((name, at) => [keys[at], name]));
  return coordinates.replace(named, (_, before, key) => `${before}${short.get(key)}=`);
}

/** Remaining seconds at the observed rate. */
function estimate({ first, progress }: Running, now: number): number | undefined {
  const fraction = share(progress);
  if (first === undefined || fraction === undefined || fraction <= first.share || now - first.at < minObserved)
    return undefined;
  return (((now - first.at) / (fraction - first.share)) * (1 - fraction)) / 1000;
}

/** The text of a finished step. */
export function endedRow(
  { step, status, seconds, because }: Extract<Event, { type: "step-end" }>,
  cells: number,
): string {
  const result = status === "skipped" ? skipText(because) : status === "failed" ? "failed" : "";
  const time = status === "skipped" ? "" : duration(seconds);
  const rest = [result, time].filter((text) => text !== "").join(" after ");
  return cut(`${cut(step, Math.max(8, cells - rest.length - 2))}  ${rest}`, cells);
}
