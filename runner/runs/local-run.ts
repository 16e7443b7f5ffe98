import { realpathSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { logName, stepLogsDir } from "../execution/log-tail.ts";
import { namesIn } from "../util/names-in.ts";
import type { Progress } from "../util/progress.ts";
import { type FinishedRun, runLabel } from "./finished-runs.ts";
import { liveRuns } from "./live-runs.ts";

/** A step of a run on this machine. */
export type LocalStep = {
  readonly step: string;
  readonly state: "running" | "waiting" | "failed" | "done";
  /** Of a running step. */
  readonly progress: Progress;
  /** Of a failed step. */
  readonly message: string;
  /** Duration of a finished step; null for others. */
  readonly seconds: number | null;
  /** Its log file; undefined if it has none here: it ran in the process of exp, or on another machine. */
  readonly log: string | undefined;
};

/** A run of a process on this machine, or a finished run. */
export type LocalRun = {
  readonly name: string;
  readonly state: "running" | "done";
  readonly ended: number;
  readonly total: number;
  readonly steps: readonly LocalStep[];
};

/** The running `exp run` processes of a project. */
export function runningHere(artifacts: string): readonly LocalRun[] {
  const logs = stepLogsDir(artifacts);
  return liveRuns(artifacts).map(({ files, total, counts, running, failed }) => ({
    ...{ name: files.join(", "), state: "running", total },
    ended: Object.values(counts).reduce((sum, count) => sum + count, 0),
    steps: [
      ...failed.map(({ step, message, log }) => ({
        ...{ step, state: "failed" as const, progress: {}, message, seconds: null },
        log: log === null ? undefined : ownLog(logs, log),
      })),
      ...running.map(({ step, log, progress }) => ({
        ...{ step, state: log === null ? ("waiting" as const) : ("running" as const), progress },
        ...{ message: "", seconds: null, log: log === null ? undefined : ownLog(logs, basename(log)) },
      })),
    ],
  }));
}

/** Whether a user's name selects a running process: a file as it was given, or the name of the file. */
export function isRunning({ name: files }: LocalRun, name: string): boolean {
  return files.split(", ").some((file) => file === name || basename(file, extname(file)) === name);
}

/** A finished run with the logs of its steps that are on this machine. */
export function finishedHere(run: FinishedRun, artifacts: string): LocalRun {
  const logs = stepLogsDir(artifacts);
  const names = namesIn(logs);
  const steps = Object.entries(run.manifest.steps).map(([step, { key, seconds }]) => {
    const end = logName("", key);
    const name = names.find((one) => one.endsWith(end));
    const log = name === undefined ? undefined : ownLog(logs, name);
    return { step, state: "done" as const, progress: {}, message: "", seconds, log };
  });
  return { name: runLabel(run), state: "done", ended: steps.length, total: steps.length, steps };
}

/** The path of a log that is a file of the folder and no link to elsewhere; undefined for others. */
function ownLog(folder: string, name: string): string | undefined {
  try {
    const path = join(realpathSync(folder), name);
    return name === basename(name) && name.endsWith(".log") && realpathSync(path) === path ? path : undefined;
  } catch {
    return undefined;
  }
}
