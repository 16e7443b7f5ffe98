import { realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { lastLines, stepLogsDir } from "../execution/log-tail.ts";
import { isProcess, livenessOf, type ProcessIdentity } from "../store/process-identity.ts";
import { namesIn } from "../util/names-in.ts";
import { progressNumbers, progressTexts } from "../util/progress.ts";
import { readStart } from "../util/regular-file.ts";
import { type Check, isNumber, isText, listOf, mapOf, nullable, optional, shape } from "../util/shape.ts";
import type { LiveRun } from "./live-run.ts";

/** The status file of one running process. */
export type LiveFile = { readonly schema: 1; readonly owner: ProcessIdentity; readonly run: LiveRun };

/** The folder of status files. A process deletes its file when it ends. */
export const liveDir = (artifacts: string): string => join(artifacts, "live");

/** Largest size of a status file, in bytes. */
const sizeLimit = 4 * 2 ** 20;

/** A process on another machine counts as dead after this time without an update. ms */
const updateTimeout = 120_000;

/** A status file, and whether its process is running. `run` is undefined if the file cannot be read. */
export type LiveStatus = { readonly path: string; readonly alive: boolean; readonly run: LiveRun | undefined };

/** The status files. A torn one belongs to no running process: a process replaces its file in one step. */
export function liveFiles(artifacts: string): readonly LiveStatus[] {
  return namesIn(liveDir(artifacts))
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      const path = join(liveDir(artifacts), name);
      try {
        const { owner, run } = JSON.parse(readStart(path, sizeLimit).toString("utf8")) as LiveFile;
        if (!isWhole(run) || !isProcess(owner)) return { path, alive: false, run: undefined };
        const liveness = livenessOf(owner);
        const alive =
          liveness === "unknown" ? Date.now() - statSync(path).mtimeMs < updateTimeout : liveness === "alive";
        return { path, alive, run };
      } catch {
        return { path, alive: false, run: undefined };
      }
    });
}

const isPoint: Check = (point) => listOf(isNumber)(point) && (point as readonly number[]).length === 2;

/** The form that the page of `exp view` relies on. */
const isWhole = shape({
  files: listOf(isText),
  started: isText,
  total: isNumber,
  counts: mapOf(isNumber),
  running: listOf(
    shape({
      step: isText,
      progress: shape({
        ...Object.fromEntries(progressNumbers.map((name) => [name, optional(isNumber)])),
        ...Object.fromEntries(progressTexts.map((name) => [name, optional(isText)])),
      }),
      log: nullable(isText),
      loss: listOf(isPoint),
      validation: listOf(isPoint),
    }),
  ),
  failed: listOf(shape({ step: isText, message: isText, log: nullable(isText) })),
  finished: listOf(isText),
});

/** The status of every running `exp run` of a project, oldest first. */
export function liveRuns(artifacts: string): readonly LiveRun[] {
  return liveFiles(artifacts)
    .flatMap(({ alive, run }) => (alive && run !== undefined ? [run] : []))
    .sort((a, b) => (a.started < b.started ? -1 : 1));
}

/** Lines of a log that a page shows. */
const mostLines = 200;

/**
 * The end of a step's log, by the name in the status file of a running `exp run`; undefined for any other name, and for a log that
 * is a link.
 */
export function liveLog(artifacts: string, name: string): readonly string[] | undefined {
  const isListed = liveRuns(artifacts).some(({ running, failed }) =>
    [...running, ...failed].some(({ log }) => log === name),
  );
  if (!isListed || !isLogName(name)) return undefined;
  try {
    const folder = stepLogsDir(realpathSync(artifacts));
    const path = join(folder, name);
    if (realpathSync(path) !== path) return undefined;
    return lastLines(path, mostLines).map(stripVTControlCharacters);
  } catch {
    // The step has written nothing yet.
    return [];
  }
}

/** Whether a text is the name of a log, without a folder. */
export function isLogName(name: string): boolean {
  return /^[^/\\]+\.log$/.test(name);
}
