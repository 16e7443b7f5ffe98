import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { sizeOf } from "../../../store/gc.ts";
import type { Queued } from "./slurm.ts";
import { clusterDir, frozenDir, listSubmissions, type SubmissionAt, submissionNames } from "./submission.ts";
import { isLive, tasksOf } from "./tasks.ts";

/** How long a submission stays after its last job has ended, for `exp status` and `exp logs`. ms */
const remembered = 30 * 86_400_000;

/** A folder below slurm/ that went, or would go. */
type Gone = { readonly name: string; readonly bytes: number };

/** What was cleared away, or would be: submissions, and frozen sources that no job reads any more. */
export type Cleared = { readonly submissions: readonly Gone[]; readonly frozen: readonly Gone[] };

/** The submissions that have jobs left. Where Slurm cannot be asked, any may have, but for those whose jobs are all done. */
export function liveSubmissions(
  artifacts: string,
  queue: ReadonlyMap<string, Queued> | undefined,
): readonly SubmissionAt[] {
  const known = new Set([...(queue?.values() ?? [])].map(({ submission }) => submission));
  return listSubmissions(artifacts).filter((one) => {
    const tasks = tasksOf(one, queue ?? new Map());
    if (queue === undefined) return tasks.length === 0 || tasks.some(({ state }) => state !== "done");
    return known.has(one.submission.id) || tasks.some(isLive);
  });
}

/**
 * Clears away what jobs have left: frozen sources at once when none of the `live` submissions reads them, a submission
 * with its plan and logs a month after its last job has ended. To be called under `clusterLock`, unless nothing is to go.
 */
export function collectSubmissions(
  artifacts: string,
  live: readonly SubmissionAt[],
  { dryRun, aside }: { readonly dryRun: boolean; aside(): string },
): Cleared {
  const needed = new Set(live.map(({ folder }) => basename(folder)));
  const read = new Set(live.map(({ submission }) => basename(submission.snapshot)));
  const drop = (folder: string, name: string): Gone => {
    const path = join(folder, name);
    const gone = { name, bytes: sizeOf(path) };
    if (dryRun) return gone;
    const away = aside();
    renameSync(path, away);
    rmSync(away, { recursive: true, force: true });
    return gone;
  };
  const all = clusterDir(artifacts);
  const frozen = frozenDir(artifacts);
  return {
    submissions: submissionNames(artifacts)
      .filter((name) => !needed.has(name) && Date.now() - lastChange(join(all, name)) > remembered)
      .map((name) => drop(all, name)),
    frozen: (existsSync(frozen) ? readdirSync(frozen) : [])
      .filter((name) => !read.has(name))
      .map((name) => drop(frozen, name)),
  };
}

/** When anything in a folder was written last, in ms. */
function lastChange(folder: string): number {
  const parts = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return Math.max(...[folder, ...parts.map((name) => join(folder, name))].map((path) => statSync(path).mtimeMs));
}
