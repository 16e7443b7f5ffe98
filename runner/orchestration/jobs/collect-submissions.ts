import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { QueuedJob } from "../../plugins/executors/executor.ts";
import { sizeOf } from "../../store/gc.ts";
import { moveAway } from "../../store/gc-work.ts";
import { copiesDir, listSubmissions, type StoredSubmission, submissionNames, submissionsDir } from "./submission.ts";
import { isLive, tasksOf } from "./task.ts";

/** How long a submission is kept after its last job ended, for `exp status` and `exp logs`. ms */
const retention = 30 * 86_400_000;

/** A folder that was removed, or would be. */
type Removed = { readonly name: string; readonly bytes: number };

/** Old submissions, and copied sources that no job reads any more. */
export type CollectedSubmissions = { readonly submissions: readonly Removed[]; readonly copies: readonly Removed[] };

/**
 * Submissions with unfinished jobs. `queueOf` gives the queue of an executor; undefined if its job system does not
 * answer: then only submissions whose tasks are all done are certain to be finished.
 */
export function liveSubmissions(
  artifacts: string,
  queueOf: (executor: string) => ReadonlyMap<string, QueuedJob> | undefined,
): readonly StoredSubmission[] {
  return listSubmissions(artifacts).filter((one) => {
    const queue = queueOf(one.submission.executor);
    const tasks = tasksOf(one, queue ?? new Map());
    if (queue === undefined) return tasks.length === 0 || tasks.some(({ state }) => state !== "done");
    return [...queue.values()].some(({ submission }) => submission === one.submission.id) || tasks.some(isLive);
  });
}

/**
 * Removes what jobs left: copied sources that no `live` submission reads, and submissions whose last job ended a month
 * ago. Call it under `submissionsLock`, unless it is a dry run.
 */
export function collectSubmissions(
  artifacts: string,
  live: readonly StoredSubmission[],
  { dryRun, aside }: { readonly dryRun: boolean; aside(): string },
): CollectedSubmissions {
  const needed = new Set(live.map(({ folder }) => basename(folder)));
  const read = new Set(live.map(({ submission }) => basename(submission.snapshot)));
  const remove = (folder: string, name: string): readonly Removed[] => {
    const path = join(folder, name);
    const removed = { name, bytes: sizeOf(path) };
    if (dryRun) return [removed];
    const away = aside();
    if (!moveAway(path, away)) return [];
    rmSync(away, { recursive: true, force: true });
    return [removed];
  };
  const all = submissionsDir(artifacts);
  const copies = copiesDir(artifacts);
  return {
    submissions: submissionNames(artifacts)
      .filter((name) => !needed.has(name) && Date.now() - lastChange(join(all, name)) > retention)
      .flatMap((name) => remove(all, name)),
    copies: (existsSync(copies) ? readdirSync(copies) : [])
      .filter((name) => !read.has(name))
      .flatMap((name) => remove(copies, name)),
  };
}

/** When a file in a folder was last written, in ms. */
function lastChange(folder: string): number {
  const parts = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return Math.max(...[folder, ...parts.map((name) => join(folder, name))].map((path) => statSync(path).mtimeMs));
}
