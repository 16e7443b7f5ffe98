import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { livenessOf, type ProcessIdentity } from "../store/process-identity.ts";
import type { LiveRun } from "./live-run.ts";

/** The status file of one running process. */
export type LiveFile = { readonly schema: 1; readonly owner: ProcessIdentity; readonly run: LiveRun };

/** The folder of status files. A process deletes its file when it ends. */
export const liveDir = (artifacts: string): string => join(artifacts, "live");

/** A process on another machine counts as dead after this time without an update. ms */
const updateTimeout = 120_000;

/** The status files, and whether their processes are running. Skips files that cannot be parsed. */
export function liveFiles(
  artifacts: string,
): readonly { readonly path: string; readonly alive: boolean; readonly run: LiveRun }[] {
  let names: readonly string[];
  try {
    names = readdirSync(liveDir(artifacts));
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(".json"))
    .sort()
    .flatMap((name) => {
      const path = join(liveDir(artifacts), name);
      try {
        const { owner, run } = JSON.parse(readFileSync(path, "utf8")) as LiveFile;
        const liveness = livenessOf(owner);
        return [
          {
            path,
            run,
            alive: liveness === "unknown" ? Date.now() - statSync(path).mtimeMs < updateTimeout : liveness === "alive",
          },
        ];
      } catch {
        return [];
      }
    });
}

/** The status of every running `exp run` of a project, oldest first. */
export function liveRuns(artifacts: string): readonly LiveRun[] {
  return liveFiles(artifacts)
    .filter(({ alive }) => alive)
    .map(({ run }) => run)
    .sort((a, b) => (a.started < b.started ? -1 : 1));
}
