import type { Event, UploadEvent } from "../execution/event.ts";
import { duration, plural } from "../util/format.ts";
import type { Progress } from "../util/progress.ts";
import { progressText, share } from "./progress-line.ts";
import type { Reporter, Screen } from "./reporter.ts";
import { failureText } from "./step-failure.ts";
import { uploadText } from "./upload.ts";

/** A progress line comes after 10 s, or when a tenth more is done and 2 s have passed. */
const longestSilence = 10_000;
const shortestSilence = 2_000;
const namesShown = 5;

type Note = Extract<Event, { type: "note" }>;
type Told = { readonly at: number; readonly tenths: number };

/** One line a change on stdout, for pipes, logs and CI; why a step failed goes to stderr. */
export function linesReporter(screen: Pick<Screen, "out" | "err" | "color">, now: () => number = Date.now): Reporter {
  const told = new Map<string, Told>();
  let reused: string[] = [];

  const say = (text: string): void => screen.out(`${text}\n`);
  const sayReused = (): void => {
    if (reused.length === 0) return;
    const more = reused.length - namesShown;
    const names = [...reused.slice(0, namesShown), ...(more > 0 ? [`${more} more`] : [])];
    say(`reused ${plural(reused.length, "step")}: ${names.join(", ")}`);
    reused = [];
  };

  function progress(step: string, values: Progress): void {
    const last = told.get(step) ?? { at: Number.NEGATIVE_INFINITY, tenths: 0 };
    const tenths = Math.floor((share(values) ?? 0) * 10);
    const silence = now() - last.at;
    const due = silence >= longestSilence || (tenths > last.tenths && silence >= shortestSilence);
    if (!due) return;
    told.set(step, { at: now(), tenths });
    say(`${step}  ${progressText(values)}`);
  }

  function end(event: Extract<Event, { type: "step-end" }>): void {
    const { step, status, seconds } = event;
    told.delete(step);
    if (status === "built") say(`${step}  built in ${duration(seconds)}`);
    if (status === "failed") say(`${step}  failed after ${duration(seconds)}`);
    if (status === "skipped") say(`${step}  ${skipText(event.because)}`);
    if (event.error !== undefined) screen.err(failureText(step, event.error, screen.color));
  }

  return {
    event(event) {
      if (event.type === "step-end" && event.status === "reused") {
        reused.push(event.step);
        return;
      }
      sayReused();
      if (event.type === "plan") say(planText(event));
      else if (event.type === "step-start") {
        told.set(event.step, { at: now(), tenths: 0 });
        say(`${event.step}  started`);
      } else if (event.type === "progress") progress(event.step, event);
      else if (event.type === "step-end") end(event);
      else if (event.type === "note") note(event, screen);
      else if (event.type === "upload") upload(event, screen);
      else if (event.type === "run-end") say(runText(event));
    },
    close() {
      sayReused();
      return Promise.resolve();
    },
  };
}

/** A warning goes to stderr, like every word on what is wrong. */
export function note({ level, message }: Note, screen: Pick<Screen, "out" | "err">): void {
  if (level === "warning") screen.err(`warning: ${message}\n`);
  else screen.out(`${message}\n`);
}

/** How an upload ended; on stderr where it was none. */
function upload(event: UploadEvent, screen: Pick<Screen, "out" | "err">): void {
  if (event.reasons.length > 0) screen.err(uploadText(event));
  else screen.out(uploadText(event));
}

/** "1 run, 9 steps: 3 cached, 6 to run" */
function planText({ runs, steps }: Extract<Event, { type: "plan" }>): string {
  const cached = steps.filter(({ status }) => status === "cached").length;
  return `${plural(runs, "run")}, ${plural(steps.length, "step")}: ${cached} cached, ${steps.length - cached} to run`;
}

/** Why a step did not run. */
export function skipText(because: string | undefined): string {
  if (because === undefined) return "skipped";
  return because === "interrupted" ? "interrupted" : `skipped: ${because} failed`;
}

function runText({ run, status, manifest }: Extract<Event, { type: "run-end" }>): string {
  return manifest === null ? `run ${run}  ${status}` : `run ${run}  ${status}: ${manifest}`;
}
