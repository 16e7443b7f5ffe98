import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { isPaused } from "../pipeline/plan/record.ts";
import { namesIn } from "../util/names-in.ts";
import { readOwnFile } from "../util/regular-file.ts";
import { activeClaims } from "./claims.ts";
import { type KeepSet, sizeOf } from "./gc.ts";
import { livenessOf, parseProcess } from "./process-identity.ts";
import type { Store } from "./store.ts";

/** A folder below work/ that was deleted, or would be. */
export type DeletedFolder = { readonly name: string; readonly bytes: number };

/** Folders below work/ that were deleted, or would be. */
export type WorkCollection = {
  /** Work folders by key: of steps that have succeeded, and with `resumable` also of interrupted steps. */
  readonly work: readonly DeletedFolder[];
  /** Snapshots of sources that no running process uses. */
  readonly snapshots: readonly DeletedFolder[];
  /** With `resumable`, what interrupted calls of exp predict have left. */
  readonly predictions: readonly DeletedFolder[];
};

/**
 * Deletes work folders of steps that have succeeded and snapshots that no running process uses. Keeps what an interrupted or
 * paused step, or an interrupted prediction, resumes from, unless `resumable`. Always keeps locked keys and those in `keep`.
 */
export function collectWork(
  store: Pick<Store, "root" | "record" | "trashPath">,
  options: { readonly dryRun: boolean; readonly resumable: boolean; readonly keep?: KeepSet },
): WorkCollection {
  const work = join(store.root, "work");
  const snapshots = join(work, "snapshots");
  const predictions = join(store.root, "predictions");
  const isClaimed = (name: string): boolean => activeClaims(join(store.root, "store", "running")).claimed.has(name);
  const isResumable = (key: string): boolean => {
    const record = store.record(key);
    return record === undefined || isPaused(record);
  };
  const isNeeded = (key: string): boolean =>
    options.keep?.has(key) === true ||
    isLocked(join(store.root, "store", "locks", key)) ||
    (!options.resumable && isResumable(key));

  const remove = (folder: string, name: string, isUsed: () => boolean): readonly DeletedFolder[] => {
    const path = join(folder, name);
    if (!existsSync(path) || isUsed()) return [];
    const removed = { name, bytes: sizeOf(path) };
    if (options.dryRun) return [removed];
    // Renamed before the second check: a process claims a folder before it looks for it.
    const trash = store.trashPath();
    if (!moveAway(path, trash)) return [];
    if (isUsed() && !existsSync(path)) {
      moveAway(trash, path);
      return [];
    }
    rmSync(trash, { recursive: true, force: true });
    return [removed];
  };

  return {
    work: namesIn(work)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .flatMap((key) => remove(work, key, () => isNeeded(key))),
    snapshots: namesIn(snapshots).flatMap((name) =>
      remove(snapshots, name, () => isClaimed(name.replace(/\..*/, "")) || isUnderConstruction(join(snapshots, name))),
    ),
    predictions: namesIn(predictions)
      .filter((name) => options.resumable && /^[0-9a-f]{16}$/.test(name))
      .flatMap((name) => remove(predictions, name, () => isLocked(join(predictions, `${name}.lock`)))),
  };
}

/** Renames a folder; false if another process has deleted it. */
export function moveAway(path: string, trash: string): boolean {
  try {
    renameSync(path, trash);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Whether a process may be writing a snapshot. Its claim names the final folder and may come later. */
function isUnderConstruction(path: string): boolean {
  return path.endsWith(".partial") && Date.now() - statSync(path).mtimeMs < 60_000;
}

/** Whether a lock is held by a running process, or by one of unknown liveness. */
function isLocked(path: string): boolean {
  try {
    const owner = parseProcess(readOwnFile(path).split("\n")[0] ?? "");
    return owner === undefined || livenessOf(owner) !== "dead";
  } catch {
    return false;
  }
}
