import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./inspect.ts";
import { removeDeadLocks } from "./lock.ts";
import { Records } from "./records.ts";
import type { Store } from "./store.ts";

/** What was done about a finding: deleted, or the reason why not. */
export type Repaired = { readonly path: string; readonly did: string; readonly removed: boolean };

/**
 * Deletes damaged objects, extra files, torn records and what dead processes left behind. The next run that needs them builds
 * them again. Keeps intact objects and those that a running process uses.
 */
export function repair(
  store: Pick<Store, "root" | "deleteObject" | "removeAbandoned">,
  findings: readonly Finding[],
): readonly Repaired[] {
  const damaged = new Set(findings.flatMap(({ kind, object = "" }) => (kind === "object" ? [object] : [])));
  const deleted = [...damaged].map((object): Repaired => {
    const removed = store.deleteObject(object);
    const did = removed
      ? "deleted: the next run that needs it builds it again"
      : "kept: a running process uses it. Repair again when that has ended";
    return { path: `store/objects/${object}`, did, removed };
  });
  const others = findings.flatMap((finding): readonly Repaired[] => {
    if (finding.kind === "record") return [deleteRecord(store, finding)];
    if (finding.kind === "extra" && !damaged.has(finding.object ?? "")) {
      rmSync(join(store.root, finding.path), { recursive: true, force: true });
      return [{ path: finding.path, did: "deleted", removed: true }];
    }
    if (finding.kind === "missing")
      return [{ path: finding.path, did: "kept: run the experiment that refers to it again", removed: false }];
    if (finding.kind === "unknown-file")
      return [{ path: finding.path, did: "kept: exp did not write it", removed: false }];
    if (finding.kind === "abandoned") return [{ path: finding.path, did: "deleted", removed: true }];
    return [];
  });
  store.removeAbandoned();
  removeDeadLocks(join(store.root, "store", "locks"));
  return [...deleted, ...others];
}

/** A record that is complete by now was written meanwhile by a run that built its step again. */
function deleteRecord({ root }: Pick<Store, "root">, { path, what }: Finding): Repaired {
  const records = new Records(join(root, "store", "keys"));
  const key = path.slice(-"0.json".length - 63, -".json".length);
  if (what === "is torn" && records.read(key) !== undefined)
    return { path, did: "kept: it is complete now", removed: false };
  rmSync(join(root, path), { force: true });
  return { path, did: "deleted: the next run that needs its step builds it again", removed: true };
}
