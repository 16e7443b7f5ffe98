import { join } from "node:path";
import type { StoreRecord } from "../../pipeline/plan/record.ts";
import type { Store } from "../../store/store.ts";
import { sealedJson } from "../../util/sealed-json.ts";
import type { DiskStore } from "../remotes/disk-store.ts";
import { fileName, readRecord, recordName } from "../remotes/layout.ts";

/** Copies a finished step to a mirror: its files first, then its record. */
export async function putStep(disk: DiskStore, store: Pick<Store, "objectDir">, record: StoreRecord): Promise<void> {
  const folder = store.objectDir(record.object);
  for (const [name, file] of Object.entries(record.files)) await disk.put(fileName(file), join(folder, name), file);
  await disk.writeText(recordName(record.key), sealedJson(record));
}

/**
 * Copies a finished step from a mirror into the store. If a file is missing, truncated or damaged, deletes it and the record from
 * the mirror, so that they are copied again, and gives false.
 */
export async function takeStep(
  disk: DiskStore,
  store: Pick<Store, "stage" | "importRecord" | "discard">,
  key: string,
): Promise<boolean> {
  const record = await readRecord(disk, key);
  const staged = store.stage(key);
  try {
    for (const [name, file] of Object.entries(record?.files ?? {})) {
      if (await disk.take(fileName(file), join(staged.dir, name), file)) continue;
      await disk.remove(recordName(key));
      await disk.remove(fileName(file));
      return false;
    }
    if (record !== undefined && (await store.importRecord(staged, record))) return true;
    await disk.remove(recordName(key));
    return false;
  } finally {
    store.discard(staged);
  }
}
