import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { Event } from "../execution/event.ts";
import type { CurvePoint, LiveRun } from "../runs/live-run.ts";
import { type LiveFile, liveDir, liveFiles } from "../runs/live-runs.ts";
import { thisProcess } from "../store/process-identity.ts";
import type { Progress } from "../util/progress.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import type { Reporter } from "./reporter.ts";

/** Minimum time between two writes, in ms. */
const writeInterval = 500;
/** Maximum time between two writes, in ms. Other machines use the modification time to detect a dead process. */
const heartbeat = 30_000;
/** Maximum number of points of a curve. */
const mostPoints = 200;
const mostFinished = 8;

/** A running step. One of `every` loss values is kept; `seen` counts all values. */
type Running = {
  readonly log: string | null;
  progress: Progress;
  loss: CurvePoint[];
  validation: CurvePoint[];
  every: number;
  seen: number;
};

/**
 * Writes the progress of a run to a small file for `exp view`. The file is replaced atomically and deleted at the end. Write errors
 * are ignored, because the run does not depend on the file.
 */
export function statusFileReporter(artifacts: string, files: readonly string[]): Reporter {
  for (const { path, alive } of liveFiles(artifacts)) if (!alive) rmSync(path, { force: true });
  const path = join(liveDir(artifacts), `${process.pid}-${randomBytes(4).toString("hex")}.json`);
  const started = new Date().toISOString();
  const counts: Record<string, number> = {};
  const running = new Map<string, Running>();
  const failed: LiveRun["failed"][number][] = [];
  const finished: string[] = [];
  let total = 0;
  let pendingWrite: NodeJS.Timeout | undefined;

  const write = (): void => {
    pendingWrite = undefined;
    const run: LiveRun = {
      ...{ files, started, total, counts, failed, finished },
      running: [...running].map(([step, { log, progress, loss, validation }]) => ({
        ...{ step, log, progress, loss, validation },
      })),
    };
    try {
      mkdirSync(liveDir(artifacts), { recursive: true });
      writeFileAtomic(path, JSON.stringify({ schema: 1, owner: thisProcess(), run } satisfies LiveFile));
    } catch {
      // Without the file, only the display in exp view is missing.
    }
  };
  const scheduleWrite = (): void => {
    pendingWrite ??= setTimeout(write, writeInterval).unref();
  };
  const heart = setInterval(scheduleWrite, heartbeat).unref();

  return {
    event(event: Event) {
      if (event.type === "plan") total += event.steps.length;
      else if (event.type === "step-wait") running.set(event.step, newStep(null));
      else if (event.type === "step-start") running.set(event.step, newStep(event.log));
      else if (event.type === "progress") advance(running.get(event.step), event);
      else if (event.type === "step-end") {
        running.delete(event.step);
        counts[event.status] = (counts[event.status] ?? 0) + 1;
        if (event.status === "failed") {
          const { message = "", log } = event.error ?? {};
          failed.push({ step: event.step, message, log: log === undefined ? null : basename(log) });
        }
        finished.unshift(`${event.step} ${event.status}`);
        finished.length = Math.min(finished.length, mostFinished);
      } else return;
      scheduleWrite();
    },
    async close() {
      clearInterval(heart);
      clearTimeout(pendingWrite);
      rmSync(path, { force: true });
    },
  };
}

const newStep = (log: string | null): Running => ({ log, progress: {}, loss: [], validation: [], every: 1, seen: 0 });

/** Updates the progress of a step. When a curve is full, every second point is dropped, and of the loss half as many are added. */
function advance(
  step: Running | undefined,
  { type: _type, step: _step, ...progress }: Progress & { type: string; step: string },
): void {
  if (step === undefined) return;
  // A later event makes a message outdated, and no number.
  const { message: _message, ...numbers } = step.progress;
  step.progress = { ...numbers, ...progress };
  const { done, loss, validation_loss: validation } = progress;
  if (done === undefined) return;
  if (validation !== undefined) step.validation = thinned([...step.validation, [done, validation]]);
  if (loss === undefined || done === step.loss.at(-1)?.[0] || step.seen++ % step.every !== 0) return;
  step.loss.push([done, loss]);
  if (step.loss.length < mostPoints) return;
  step.loss = thinned(step.loss);
  step.every *= 2;
}

function thinned(points: CurvePoint[]): CurvePoint[] {
  return points.length < mostPoints ? points : points.filter((_, index) => index % 2 === 0);
}
