import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Event } from "../execution/event.ts";
import type { LiveRun } from "../runs/live-run.ts";
import { type LiveFile, liveDir, liveFiles } from "../runs/live-runs.ts";
import { thisOwner } from "../store/process-identity.ts";
import type { Progress } from "../util/progress.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import type { Reporter } from "./reporter.ts";

/** Between two writings of the file, in ms. */
const pace = 500;
/** Written at least this often, in ms, so that other machines see that the process lives. */
const heartbeat = 30_000;
/** Points of a loss curve that are kept. */
const mostPoints = 200;
const lastEnded = 8;

/** A step that is going on; `every` says how many values of the loss were passed over for each that is kept. */
type Running = { progress: Progress; loss: [number, number][]; every: number; seen: number };

/**
 * Publishes what a run is at for `exp view`: one small file, replaced as a whole and gone at the end. A disk that does not take
 * it is no reason to disturb the run.
 */
export function publishReporter(artifacts: string, files: readonly string[]): Reporter {
  for (const { path, alive } of liveFiles(artifacts)) if (!alive) rmSync(path, { force: true });
  const path = join(liveDir(artifacts), `${process.pid}-${randomBytes(4).toString("hex")}.json`);
  const started = new Date().toISOString();
  const counts: Record<string, number> = {};
  const running = new Map<string, Running>();
  const failed: LiveRun["failed"][number][] = [];
  const finished: string[] = [];
  let total = 0;
  let waiting: NodeJS.Timeout | undefined;

  const write = (): void => {
    waiting = undefined;
    const run: LiveRun = {
      ...{ files, started, total, counts, failed, finished },
      running: [...running].map(([step, { progress, loss }]) => ({ step, progress, loss })),
    };
    try {
      mkdirSync(liveDir(artifacts), { recursive: true });
      writeFileAtomic(path, JSON.stringify({ schema: 1, owner: thisOwner(), run } satisfies LiveFile));
    } catch {
      // Only the picture of the run is missing then.
    }
  };
  const soon = (): void => {
    waiting ??= setTimeout(write, pace).unref();
  };
  const heart = setInterval(soon, heartbeat).unref();

  return {
    event(event: Event) {
      if (event.type === "plan") total += event.steps.length;
      else if (event.type === "step-start") running.set(event.step, { progress: {}, loss: [], every: 1, seen: 0 });
      else if (event.type === "progress") advance(running.get(event.step), event);
      else if (event.type === "step-end") {
        running.delete(event.step);
        counts[event.status] = (counts[event.status] ?? 0) + 1;
        if (event.status === "failed") failed.push({ step: event.step, message: event.error?.message ?? "" });
        finished.unshift(`${event.step} ${event.status}`);
        finished.length = Math.min(finished.length, lastEnded);
      } else return;
      soon();
    },
    async close() {
      clearInterval(heart);
      clearTimeout(waiting);
      rmSync(path, { force: true });
    },
  };
}

/** Takes up a progress; of a long curve every second point is dropped, and only every second one taken from then on. */
function advance(
  step: Running | undefined,
  { type: _type, step: _step, ...progress }: Progress & { type: string; step: string },
): void {
  if (step === undefined) return;
  step.progress = progress;
  const { done, loss } = progress;
  if (done === undefined || loss === undefined || done === step.loss.at(-1)?.[0] || step.seen++ % step.every !== 0)
    return;
  step.loss.push([done, loss]);
  if (step.loss.length < mostPoints) return;
  step.loss = step.loss.filter((_, index) => index % 2 === 0);
  step.every *= 2;
}
