import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type FinishedRun, runLabel } from "../../runs/finished-runs.ts";
import { recordsOf } from "../../runs/run-origin.ts";
import type { Digests } from "../../store/digest.ts";
import type { Store } from "../../store/store.ts";
import { sealedJson } from "../../util/sealed-json.ts";
import { UserError } from "../../util/user-error.ts";
import { fileName, manifestName, recordedKeys, recordName } from "./layout.ts";
import type { RemoteStore } from "./remote-store.ts";

/** The copy of one run. */
export type Transfer = {
  readonly experiment: string;
  readonly run: string;
  /** Number of files of the run, and number and bytes of the files that were transferred. */
  readonly files: number;
  readonly moved: number;
  readonly bytes: number;
};

/**
 * Copies runs to a remote store: the files, then the records of their steps, then their manifests, so that everything that is
 * visible is complete. Skips what the remote store has. Throws UserError run-incomplete, and those of the remote store.
 */
export async function push(
  remote: RemoteStore,
  runs: readonly FinishedRun[],
  { store, digests }: { readonly store: Pick<Store, "objectDir" | "record">; readonly digests: Digests },
): Promise<readonly Transfer[]> {
  for (const run of runs) checkIntact(run, store, digests);
  const transfers: Transfer[] = [];
  const put = new Set<string>();
  for (const { manifest } of runs) {
    const counts = { files: 0, moved: 0, bytes: 0 };
    for (const { object, files } of Object.values(manifest.steps)) {
      for (const [name, file] of Object.entries(files)) {
        counts.files++;
        if (put.has(file.sha256)) continue;
        put.add(file.sha256);
        if (!(await remote.put(fileName(file), join(store.objectDir(object), name), file))) continue;
        counts.moved++;
        counts.bytes += file.size;
      }
    }
    transfers.push({ experiment: manifest.experiment, run: manifest.run, ...counts });
  }
  await remote.settle();

  const recorded = await recordedKeys(remote);
  const recordOf = recordsOf(runs, store);
  for (const { key, object } of runs.flatMap(({ manifest }) => Object.values(manifest.steps))) {
    const record = recordOf(key);
    // After a forced second run the key's record names another object. The manifest still names the object of this run.
    if (record?.object !== object || recorded.has(key)) continue;
    recorded.add(key);
    await remote.writeText(recordName(key), sealedJson(record));
  }
  await remote.settle();

  for (const run of runs) {
    const text = readFileSync(run.path, "utf8");
    const name = manifestName(run.manifest);
    if ((await remote.readText(name)) !== text) await remote.writeText(name, text);
  }
  await remote.settle();
  return transfers;
}

/** Checks that every file of a run is intact, before anything is sent. */
function checkIntact({ manifest }: FinishedRun, store: Pick<Store, "objectDir">, digests: Digests): void {
  for (const [step, { object, files }] of Object.entries(manifest.steps)) {
    for (const [name, file] of Object.entries(files)) {
      const found = digests.plainFile(join(store.objectDir(object), name));
      if (found?.sha256 === file.sha256) continue;
      const what = found === undefined ? "missing" : "changed";
      throw new UserError("run-incomplete", `${runLabel({ manifest })}: ${name} of ${step} is ${what}`, {
        help: "run exp verify --store --repair, then run the experiment again",
      });
    }
  }
}
