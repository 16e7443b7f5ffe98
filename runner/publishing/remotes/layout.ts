import { keyOf } from "../../pipeline/plan/identity.ts";
import type { StoredFile, StoreRecord } from "../../pipeline/plan/record.ts";
import type { Manifest } from "../../runs/manifest.ts";
import { parseRecord } from "../../store/records.ts";
import type { RemoteStore } from "./remote-store.ts";

/** Name of a key's record. */
export const recordName = (key: string): string => `keys/${key}.json`;

/** Name of a file. It depends on the content, so that steps share equal files. */
export const fileName = ({ sha256 }: StoredFile): string => `files/${sha256.slice(0, 2)}/${sha256}`;

/** Name of a run's manifest. */
export const manifestName = ({ experiment, run }: Pick<Manifest, "experiment" | "run">): string =>
  `runs/${experiment}/${run}.json`;

/** Keys with a record in a remote store. */
export async function recordedKeys(remote: Pick<RemoteStore, "names">): Promise<Set<string>> {
  const names = await remote.names("keys");
  return new Set(names.flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []));
}

/** Names in a folder, from the list of all names of a store. */
export function namesBelow(all: Iterable<string>, folder: string): readonly string[] {
  const below = [...all].filter((name) => name.startsWith(`${folder}/`));
  return [...new Set(below.map((name) => name.slice(folder.length + 1).split("/", 1)[0] as string))];
}

/** Reads the record of a key and validates it: other people may write to a remote store. Undefined if it is invalid. */
export async function readRecord(remote: Pick<RemoteStore, "readText">, key: string): Promise<StoreRecord | undefined> {
  const record = parseRecord((await remote.readText(recordName(key))) ?? "", key);
  try {
    return record !== undefined && keyOf(record.ingredients) === key ? record : undefined;
  } catch {
    return undefined;
  }
}
