import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { livenessOf, type ProcessIdentity } from "../store/process-identity.ts";
import type { LiveRun } from "./live-run.ts";

/** The file of one running process. */
export type LiveFile = { readonly schema: 1; readonly owner: ProcessIdentity; readonly run: LiveRun };

/** Where running processes say what they are at: a small file each, gone when the process ends. */
export const liveDir = (artifacts: string): string => join(artifacts, "live");

/** A process of another machine is taken for gone when it has said nothing for so long, in ms. */
const silence = 120_000;

/** Files below `liveDir`, and whether their process is there. One that is being written counts as neither. */
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
        const life = livenessOf(owner);
        return [
          { path, run, alive: life === "unknown" ? Date.now() - statSync(path).mtimeMs < silence : life === "alive" },
        ];
      } catch {
        return [];
      }
    });
}
/** What every running `exp run` of a project is at, oldest first. */
export function liveRuns(artifacts: string): readonly LiveRun[] {
  return liveFiles(artifacts)
    .filter(({ alive }) => alive)
    .map(({ run }) => run)
    .sort((a, b) => (a.started < b.started ? -1 : 1));
}
