import type { Event, StepStatus } from "../execution/event.ts";
import { shortKeys } from "../reporting/report/ablation.ts";
import { duration, plural } from "../util/format.ts";
import type { Progress } from "../util/progress.ts";
import { Forecast } from "./forecast.ts";
import { skipText } from "./lines-reporter.ts";
import { type Glyphs, progressRow, share } from "./progress-line.ts";
import { cut, textWidth } from "./text-width.ts";

type Running = {
  /** When it was started, and whether it has what it waited for since. */
  started: number;
  begun: boolean;
  progress: Progress;
  /** Where counting began, for an estimate of the time left: a resumed step does not begin at 0. */
  first: { readonly at: number; readonly share: number } | undefined;
};

/** A run of a sweep: how many of its own steps are left, which are going on, and how it came out so far. */
type Run = {
  left: number;
  readonly running: Set<string>;
  seconds: number;
  failed: string | undefined;
  because: string | undefined;
  score: string | undefined;
};

/** Before this much of a step is seen, an estimate of its time left would be a guess. ms */
const seenEnough = 5_000;

/**
 * What a live view knows: a fold over events, and the texts of its rows. A row is a run of a sweep with whatever it does, or a
 * step that belongs to no one run. `now` is in ms.
 */
export class Board {
  readonly #running = new Map<string, Running>();
  readonly #counts = { built: 0, reused: 0, failed: 0, skipped: 0 };
  readonly #started: number;
  readonly #forecast: Forecast;
  readonly #runOf = new Map<string, string>();
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
      // A sweep that chooses has further plans: what its winner needs, or those that go on.
      this.#steps += event.steps.length;
      this.#planned += event.runs;
      this.#forecast.plan(event);
      for (const { id, status, run } of event.steps) {
        if (run === undefined) continue;
        this.#runOf.set(id, run);
        if (status !== "cached") this.#runNamed(run).left += 1;
      }
    } else if (event.type === "step-start") {
      this.#running.set(event.step, { started: now, begun: false, progress: {}, first: undefined });
      this.#runWith(event.step)?.running.add(event.step);
    } else if (event.type === "step-begun") {
      const row = this.#running.get(event.step);
      if (row !== undefined) Object.assign(row, { begun: true, started: now });
    } else if (event.type === "progress") {
      const row = this.#running.get(event.step);
      if (row === undefined) return;
      const { type: _type, step: _step, ...progress } = event;
      row.progress = { ...row.progress, ...progress };
      row.begun = true;
      const fraction = share(row.progress);
      if (fraction !== undefined) row.first ??= { at: now, share: fraction };
    } else if (event.type === "step-end") {
      this.#running.delete(event.step);
      this.#counts[event.status] += 1;
      if (this.#forecast.end(event)) this.#endIn(event);
    } else if (event.type === "score") {
      const { run, metric, value, lowerIsBetter } = event;
      this.#runNamed(run).score = `${metric} ${value.toFixed(3)}`;
      const best = this.#best?.value;
      if (best === undefined || (lowerIsBetter ? value < best : value > best)) this.#best = event;
    } else if (event.type === "run-end") this.#ended += 1;
  }

  #endIn({ step, status, seconds, because }: Extract<Event, { type: "step-end" }>): void {
    const run = this.#runWith(step);
    if (run === undefined) return;
    run.left -= 1;
    run.running.delete(step);
    run.seconds += seconds;
    if (status === "failed") run.failed ??= step.replace(/@[0-9a-f]{8}$/, "");
    if (status === "skipped") run.because ??= because ?? "";
  }

  #runNamed(name: string): Run {
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

  /** The row that a step is shown in: its run's, where it belongs to one of a sweep, else its own. */
  rowOf(step: string): string {
    return this.#runOf.get(step) ?? step;
  }

  /** What a row is at: a run waits while none of its steps has what it needs. */
  stateOf(row: string): "busy" | "waiting" | "done" | "failed" | "skipped" {
    const run = this.#runs.get(row);
    if (run === undefined) return this.#running.get(row)?.begun === true ? "busy" : "waiting";
    if ([...run.running].some((step) => this.#running.get(step)?.begun)) return "busy";
    if (run.left > 0 || run.running.size > 0) return "waiting";
    return run.failed !== undefined ? "failed" : run.because !== undefined ? "skipped" : "done";
  }

  /** The row of all runs: "5 of 9 steps, 2 reused  1m02s". */
  head(now: number, cells: number, stopping: boolean): string {
    const { built, reused, failed, skipped } = this.#counts;
    const ended = built + reused + failed + skipped;
    const time = duration((now - this.#started) / 1000);
    if (stopping) return cut(`stopping; Ctrl-C again ends it at once  ${time}`, cells);
    const runs = this.#planned > 1 ? `${this.#ended} of ${plural(this.#planned, "run")}, ` : "";
    const counted = Object.entries({ reused, failed }).flatMap(([name, count]) =>
      count > 0 ? [`${count} ${name}`] : [],
    );
    const left = this.#planned > 1 ? this.#forecast.left(now, this.#doneOf) : undefined;
    const more = left === undefined ? [] : [`at least ${duration(left.seconds)} left`];
    const done = [`${ended} of ${plural(this.#steps, "step")}`, ...counted].join(", ");
    return cut([`${runs}${done}`, time, ...more].join("  "), cells);
  }

  /** What several runs will still cost, and which is the best so far: "1h03m of work left, 0.63 to pay; best micro_f1 0.512 (rank=8)". */
  outlook(now: number, cells: number): string {
    if (this.#planned < 2) return "";
    const left = this.#forecast.left(now, this.#doneOf);
    const price = left?.price === undefined ? "" : `, ${left.price.toFixed(2)} to pay`;
    const best = this.#best && `best ${this.#best.metric} ${this.#best.value.toFixed(3)} (${shortRun(this.#best.run)})`;
    const work = left && `${duration(left.work)} of work left${price}`;
    return cut([work, best].filter((part) => part !== undefined).join("; "), cells);
  }

  readonly #doneOf = (step: string): number => share(this.#running.get(step)?.progress ?? {}) ?? 0;

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

  /** A row of what is not over yet, at most `cells` wide. */
  row(row: string, now: number, cells: number, glyphs: Glyphs): string {
    const run = this.#runs.get(row);
    if (run === undefined) return this.#stepRow(row, row, now, cells, glyphs);
    const title = this.#title(row, cells);
    const steps = [...run.running];
    const step = steps.find((one) => this.#running.get(one)?.begun) ?? steps[0];
    if (step === undefined) return cut(`${title}  waiting`, cells);
    const name = step.replace(/@[0-9a-f]{8}$/, "");
    if (this.#running.get(step)?.begun !== true) return cut(`${title}  ${name} waiting`, cells);
    return `${title}  ${this.#stepRow(step, name, now, cells - textWidth(title) - 2, glyphs)}`;
  }

  /** A run's name, as wide as the widest of them is, and at most half of the row. */
  #title(run: string, cells: number): string {
    const width = Math.min(this.#widest, Math.floor(cells / 2));
    const name = cut(shortRun(run), width);
    return name + " ".repeat(Math.max(0, width - textWidth(name)));
  }

  #stepRow(step: string, name: string, now: number, cells: number, glyphs: Glyphs): string {
    const running = this.#running.get(step);
    if (running === undefined) return cut(name, cells);
    const left = running.progress.seconds_left ?? estimate(running, now);
    const progress = left === undefined ? running.progress : { ...running.progress, seconds_left: left };
    if (share(progress) !== undefined) return progressRow(name, progress, cells, glyphs);
    const elapsed = duration((now - running.started) / 1000);
    return progressRow(`${cut(name, Math.max(8, cells - elapsed.length - 2))}  ${elapsed}`, progress, cells, glyphs);
  }

  /** The row of a run that is over, at most `cells` wide. */
  endedRun(row: string, cells: number): string {
    const run = this.#runs.get(row);
    const { failed, because, score, seconds = 0 } = run ?? {};
    const how = failed !== undefined ? `${failed} failed` : because !== undefined ? skipText(because) : (score ?? "");
    const time = because !== undefined && failed === undefined ? "" : duration(seconds);
    return cut([this.#title(row, cells), how, time].filter((text) => text !== "").join("  "), cells);
  }
}

/** A run's coordinates with keys as short as they can be told apart by: "train.rank=8,train.method=lora" to "rank=8,method=lora". */
export function shortRun(coordinates: string): string {
  const named = /(^|,)([A-Za-z_][\w.]*)=/g;
  const keys = [...coordinates.matchAll(named)].map(([, , key]) => key as string);
  const short = new Map(shortKeys(keys).map((name, at) => [keys[at], name]));
  return coordinates.replace(named, (_, before, key) => `${before}${short.get(key)}=`);
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
