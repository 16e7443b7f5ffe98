import type { Event, UploadEvent } from "../execution/event.ts";
import { duration, firstNames, plural } from "../util/format.ts";
import type { Progress } from "../util/progress.ts";
import { progressText, share } from "./progress-line.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { failureText } from "./step-failure.ts";
import { uploadText } from "./upload.ts";

/** Progress is printed every 10 s, or after 2 s if another tenth of the step is complete. */
const maxInterval = 10_000;
const minInterval = 2_000;

type Note = Extract<Event, { type: "note" }>;
type Printed = { readonly at: number; readonly tenths: number };

/** Prints one line per event to stdout, for pipes, logs and CI. Errors of failed steps go to stderr. */
export function linesReporter(screen: Pick<Screen, "out" | "err" | "color">, now: () => number = Date.now): Reporter {
  const printed = new Map<string, Printed>();
  let reused: string[] = [];
  const labels = new Map<string, string>();
  const nameOf = (step: string): string => labels.get(step) ?? step;

  const print = (text: string): void => screen.out(`${text}\n`);
  const printReused = (): void => {
    if (reused.length === 0) return;
    print(`reused ${plural(reused.length, "step")}: ${firstNames(reused)}`);
    reused = [];
  };

  function progress(step: string, values: Progress): void {
    const last = printed.get(step) ?? { at: Number.NEGATIVE_INFINITY, tenths: 0 };
    const tenths = Math.floor((share(values) ?? 0) * 10);
    const elapsed = now() - last.at;
    const due = elapsed >= maxInterval || (tenths > last.tenths && elapsed >= minInterval);
    if (!due) return;
    printed.set(step, { at: now(), tenths });
    print(`${nameOf(step)}  ${progressText(values)}`);
  }

  function end(event: Extract<Event, { type: "step-end" }>): void {
    const { step, status, seconds } = event;
    printed.delete(step);
    if (status === "built") print(`${nameOf(step)}  built in ${duration(seconds)}`);
    if (status === "failed") print(`${nameOf(step)}  failed after ${duration(seconds)}`);
    if (status === "skipped") print(`${nameOf(step)}  ${skipText(event.because && nameOf(event.because))}`);
    if (event.error !== undefined) screen.err(failureText(nameOf(step), event.error, screen.color));
  }

  return {
    event(event) {
      if (event.type === "step-end" && event.status === "reused") {
        reused.push(nameOf(event.step));
        return;
      }
      printReused();
      if (event.type === "plan") {
        for (const { id, label } of event.steps) if (label !== undefined) labels.set(id, label);
        print(planText(event));
      } else if (event.type === "step-wait") print(`${nameOf(event.step)}  waiting for ${event.for}`);
      else if (event.type === "step-start") {
        printed.set(event.step, { at: now(), tenths: 0 });
        print(`${nameOf(event.step)}  started`);
      } else if (event.type === "progress") progress(event.step, event);
      else if (event.type === "step-end") end(event);
      else if (event.type === "note") note(event, screen);
      else if (event.type === "upload") upload(event, screen);
      else if (event.type === "run-end") print(runText(event));
    },
    close() {
      printReused();
      return Promise.resolve();
    },
  };
}

/** Prints a note to stdout, a warning to stderr. */
export function note({ level, message }: Note, screen: Pick<Screen, "out" | "err">): void {
  if (level === "warning") screen.err(`warning: ${message}\n`);
  else screen.out(`${message}\n`);
}

/** Prints the result of an upload, a failed one to stderr. */
function upload(event: UploadEvent, screen: Pick<Screen, "out" | "err">): void {
  if (event.reasons.length > 0) screen.err(uploadText(event));
  else screen.out(uploadText(event));
}

/** "1 run, 9 steps: 3 cached, 6 to run" */
function planText({ runs, steps }: Extract<Event, { type: "plan" }>): string {
  const cached = steps.filter(({ status }) => status === "cached").length;
  return `${plural(runs, "run")}, ${plural(steps.length, "step")}: ${cached} cached, ${steps.length - cached} to run`;
}

/** The reason why a step did not run. */
export function skipText(because: string | undefined): string {
  if (because === undefined) return "skipped";
  return because === "interrupted" ? "interrupted" : `skipped: ${because} failed`;
}

function runText({ run, status, manifest }: Extract<Event, { type: "run-end" }>): string {
  return manifest === null ? `run ${run}  ${status}` : `run ${run}  ${status}: ${manifest}`;
}
