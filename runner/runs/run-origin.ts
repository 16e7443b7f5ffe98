import { dirname } from "node:path";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import type { Store } from "../store/store.ts";
import { isInside } from "../util/inside.ts";
import { readOwnFile } from "../util/regular-file.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import type { FinishedRun } from "./finished-runs.ts";
import { runsDir } from "./run-folder.ts";

/** Where a pulled run comes from, and the records of its steps. They are evidence for this run, and no cache hits. */
export type RunOrigin = {
  readonly schema: 1;
  /** The destination that it was pulled from. */
  readonly from: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly records: Readonly<Record<string, StoreRecord>>;
};

/** The file with a run's origin, next to the run's folder: a pulled folder cannot contain it. Own runs have none. */
export const originFile = ({ path }: Pick<FinishedRun, "path">): string => `${dirname(path)}.origin.json`;

/** The origin of a pulled run; undefined for an own run. A damaged file counts as a pulled run without records. */
export function originOf(run: Pick<FinishedRun, "path">): RunOrigin | undefined {
  let text: string;
  try {
    text = readOwnFile(originFile(run));
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
  try {
    const { from, at, records } = JSON.parse(text) as RunOrigin;
    return { schema: 1, from: String(from), at: String(at), records: { ...records } };
  } catch {
    return { schema: 1, from: "an unknown place", at: "", records: {} };
  }
}

/** Writes the origin of a run before the run itself, so that it is never taken for an own run. */
export function writeOrigin(run: Pick<FinishedRun, "path">, origin: RunOrigin): void {
  writeFileAtomic(originFile(run), `${JSON.stringify(origin)}\n`, { flush: true });
}

/** Where a run comes from if it is not from this project: for messages. Undefined for an own run. */
export function foreignOrigin(run: Pick<FinishedRun, "path">, artifacts: string): string | undefined {
  const pulled = originOf(run);
  if (pulled !== undefined) return pulled.from;
  return isInside(run.path, runsDir(artifacts)) ? undefined : "a manifest outside this project's artifacts folder";
}

/** Records by key: those of the store, then those that came with the given runs. */
export function recordsOf(
  runs: readonly Pick<FinishedRun, "path">[],
  store: Pick<Store, "record">,
): (key: string) => StoreRecord | undefined {
  const origins = runs.flatMap((run) => originOf(run) ?? []);
  return (key) => store.record(key) ?? origins.find(({ records }) => Object.hasOwn(records, key))?.records[key];
}
