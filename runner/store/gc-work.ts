import { existsSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { isPaused } from "../pipeline/plan/record.ts";
import { processes } from "./claims.ts";
import { type Kept, sizeOf } from "./gc.ts";
import { lifeOf, parseOwner } from "./process-identity.ts";
import { names } from "./records.ts";
import type { Store } from "./store.ts";

/** A folder below work/ that went, or would go. */
export type Leftover = { readonly name: string; readonly bytes: number };

/** What a collection found in the work folder. */
export type Leftovers = {
  /** Work folders, by key: of steps that have succeeded, and with `resumable` of those that have not. */
  readonly work: readonly Leftover[];
  /** Snapshots of sources that no running process uses. */
  readonly snapshots: readonly Leftover[];
};

/**
 * Drops work folders of steps that have succeeded and snapshots that no running process uses. What an interrupted step, or one
 * after a step that paused, can go on from stays unless `resumable`; what is being built, and the keys of `keep`, stay in any case.
 */
export function collectLeftovers(
  store: Pick<Store, "root" | "peek" | "aside">,
  options: { readonly dryRun: boolean; readonly resumable: boolean; readonly keep?: Kept },
): Leftovers {
  const work = join(store.root, "work");
  const snapshots = join(work, "snapshots");
  const claimed = (name: string): boolean => processes(join(store.root, "store", "running")).objects.has(name);
  const isResumable = (key: string): boolean => {
    const record = store.peek(key);
    return record === undefined || isPaused(record);
  };
  const isNeeded = (key: string): boolean =>
    options.keep?.has(key) === true ||
    isLocked(join(store.root, "store", "locks", key)) ||
    (!options.resumable && isResumable(key));

  const drop = (folder: string, name: string, isUsed: () => boolean): readonly Leftover[] => {
    const path = join(folder, name);
    if (!existsSync(path) || isUsed()) return [];
    const left = { name, bytes: sizeOf(path) };
    if (options.dryRun) return [left];
    // Taken away before it is asked once more: who uses it says so before it looks whether it is there.
    const aside = store.aside();
    renameSync(path, aside);
    if (isUsed() && !existsSync(path)) {
      renameSync(aside, path);
      return [];
    }
    rmSync(aside, { recursive: true, force: true });
    return [left];
  };

  return {
    work: names(work)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .flatMap((key) => drop(work, key, () => isNeeded(key))),
    snapshots: names(snapshots).flatMap((name) =>
      drop(snapshots, name, () => claimed(name.replace(/\..*/, "")) || isBeingMade(join(snapshots, name))),
    ),
  };
}

/** A snapshot that is put together this very minute has no claim under its final name yet on a slow disk. */
function isBeingMade(path: string): boolean {
  return path.endsWith(".partial") && Date.now() - statSync(path).mtimeMs < 60_000;
}

/** Whether a living process, or one of which nothing is known, holds a lock. */
function isLocked(path: string): boolean {
  try {
    const owner = parseOwner(readFileSync(path, "utf8").split("\n")[0] ?? "");
    return owner === undefined || lifeOf(owner) !== "dead";
  } catch {
    return false;
  }
}
