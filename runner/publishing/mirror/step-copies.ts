import { join } from "node:path";
import { keyOf } from "../../pipeline/plan/identity.ts";
import type { StoredFile, StoreRecord } from "../../pipeline/plan/record.ts";
import type { Store } from "../../store/store.ts";
import type { Disk } from "../remotes/disk-store.ts";
import { isListing } from "../remotes/listing.ts";
import type { RemoteStore } from "../remotes/remote-store.ts";

/** Name of a key's record. */
export const recordName = (key: string): string => `keys/${key}.json`;
/** Files lie by content, so that a file of several steps is copied once. */
export const fileName = ({ sha256 }: StoredFile): string => `files/${sha256.slice(0, 2)}/${sha256}`;

/** Keys whose records a disk has. */
export async function finishedKeys(disk: Pick<RemoteStore, "names">): Promise<Set<string>> {
  const names = await disk.names("keys");
  return new Set(names.flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []));
}

/** Copies a finished step: its files, then the record that makes them count. */
export async function putFinished(disk: Disk, store: Pick<Store, "objectDir">, record: StoreRecord): Promise<void> {
  const folder = store.objectDir(record.object);
  for (const [name, file] of Object.entries(record.files)) await disk.put(fileName(file), join(folder, name), file);
  await disk.writeText(recordName(record.key), `${JSON.stringify(record)}\n`);
}

/**
 * Takes a finished step back into the store: true when it stands there. What is missing, cut short or damaged on the disk is
 * removed there, so that it is copied anew.
 */
export async function takeFinished(
  disk: Disk,
  store: Pick<Store, "stage" | "importRecord" | "discard">,
  key: string,
): Promise<boolean> {
  const record = recordIn(await disk.readText(recordName(key)), key);
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

/** A record that is whole and that of its key; undefined for anything else. */
export function recordIn(text: string | undefined, key: string): StoreRecord | undefined {
  try {
    const record = JSON.parse(text ?? "") as StoreRecord;
    const isOurs = record.schema === 1 && record.key === key && keyOf(record.ingredients) === key;
    return isOurs && isListing(record.files) ? record : undefined;
  } catch {
    return undefined;
  }
}
