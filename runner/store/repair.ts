import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./inspect.ts";
import { sweepLocks } from "./lock.ts";
import { Keys } from "./records.ts";
import type { Store } from "./store.ts";

/** What became of something that was found: removed, or why not. */
export type Repaired = { readonly path: string; readonly did: string; readonly removed: boolean };

/**
 * Removes what is wrong, so that the next run that needs it makes it again: damaged objects, files that nobody stored, torn
 * records, and what dead processes have left. What is whole stays, and so does what a running process uses.
 */
export function repair(
  store: Pick<Store, "root" | "collect" | "sweepStaging">,
  findings: readonly Finding[],
): readonly Repaired[] {
  const damaged = new Set(findings.flatMap(({ kind, object = "" }) => (kind === "object" ? [object] : [])));
  const dropped = [...damaged].map((object): Repaired => {
    const removed = store.collect(object);
    const did = removed
      ? "removed: the next run that needs it makes it again"
      : "left: a running process uses it; repair again when it has ended";
    return { path: `store/objects/${object}`, did, removed };
  });
  const others = findings.flatMap((finding): readonly Repaired[] => {
    if (finding.kind === "record") return [dropRecord(store, finding)];
    if (finding.kind === "extra" && !damaged.has(finding.object ?? "")) {
      rmSync(join(store.root, finding.path), { recursive: true, force: true });
      return [{ path: finding.path, did: "removed", removed: true }];
    }
    if (finding.kind === "missing") return [{ path: finding.path, did: "run what refers to it again", removed: false }];
    if (finding.kind === "unknown-file")
      return [{ path: finding.path, did: "left: exp has not written it", removed: false }];
    if (finding.kind === "leftover") return [{ path: finding.path, did: "removed", removed: true }];
    return [];
  });
  store.sweepStaging();
  sweepLocks(join(store.root, "store", "locks"));
  return [...dropped, ...others];
}

/** A record that is whole by now was written meanwhile by the run that has made its step again. */
function dropRecord({ root }: Pick<Store, "root">, { path, what }: Finding): Repaired {
  const keys = new Keys(join(root, "store", "keys"));
  const key = path.slice(-"0.json".length - 63, -".json".length);
  if (what === "is torn" && keys.read(key) !== undefined) return { path, did: "left: it is whole now", removed: false };
  rmSync(join(root, path), { force: true });
  return { path, did: "removed: the next run that needs its step makes it again", removed: true };
}
