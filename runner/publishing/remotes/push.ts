import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import type { Digests } from "../../store/digest.ts";
import type { Store } from "../../store/store.ts";
import { UserError } from "../../util/user-error.ts";
import { fileName, finishedKeys, recordName } from "../mirror/step-copies.ts";
import { manifestName } from "./pushed-runs.ts";
import type { RemoteStore } from "./remote-store.ts";

/** What was copied of one run. */
export type Moved = {
  readonly experiment: string;
  readonly run: string;
  /** Files of the run, and those that had to be copied with their bytes. */
  readonly files: number;
  readonly moved: number;
  readonly bytes: number;
};

/**
 * Copies runs with all that they refer to: files by content, then the records of their steps, then their manifests, each only
 * when what it names is there. What is there already is not sent again. Throws UserError (run-incomplete), and what the
 * shelf throws.
 */
export async function push(
  shelf: RemoteStore,
  runs: readonly FinishedRun[],
  { store, digests }: { readonly store: Pick<Store, "objectDir" | "record">; readonly digests: Digests },
): Promise<readonly Moved[]> {
  for (const run of runs) checkWhole(run, store, digests);
  const moved: Moved[] = [];
  const put = new Set<string>();
  for (const { manifest } of runs) {
    const counts = { files: 0, moved: 0, bytes: 0 };
    for (const { object, files } of Object.values(manifest.steps)) {
      for (const [name, file] of Object.entries(files)) {
        counts.files++;
        if (put.has(file.sha256)) continue;
        put.add(file.sha256);
        if (!(await shelf.put(fileName(file), join(store.objectDir(object), name), file))) continue;
        counts.moved++;
        counts.bytes += file.size;
      }
    }
    moved.push({ experiment: manifest.experiment, run: manifest.run, ...counts });
  }
  await shelf.settle();

  const there = await finishedKeys(shelf);
  for (const { key, object } of runs.flatMap(({ manifest }) => Object.values(manifest.steps))) {
    const record = store.record(key);
    // After a forced second run the key stands for another object, and this run's is found by its manifest alone.
    if (record?.object !== object || there.has(key)) continue;
    there.add(key);
    await shelf.writeText(recordName(key), `${JSON.stringify(record)}\n`);
  }
  await shelf.settle();

  for (const run of runs) {
    const text = readFileSync(run.path, "utf8");
    const name = manifestName(run.manifest);
    if ((await shelf.readText(name)) !== text) await shelf.writeText(name, text);
  }
  await shelf.settle();
  return moved;
}

/** Before anything is sent: a run of which something was changed or dropped would be of no use to who pulls it. */
function checkWhole({ manifest }: FinishedRun, store: Pick<Store, "objectDir">, digests: Digests): void {
  for (const [step, { object, files }] of Object.entries(manifest.steps)) {
    for (const [name, file] of Object.entries(files)) {
      const found = digests.plainFile(join(store.objectDir(object), name));
      if (found?.sha256 === file.sha256) continue;
      const what = found === undefined ? "missing" : "changed";
      throw new UserError("run-incomplete", `${manifest.experiment}/${manifest.run}: ${step}'s ${name} is ${what}`, {
        help: "see what else is wrong with exp verify; exp verify --store --repair and another exp run make it again",
      });
    }
  }
}
