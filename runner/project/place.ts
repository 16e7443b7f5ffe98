import { join } from "node:path";
import { projectRoot } from "../config/files.ts";
import { cacheRoot } from "../setup/cache.ts";
import { type Digests, openDigests } from "../store/digest.ts";
import { type Access, openStore, type Store } from "../store/store.ts";
import type { Context } from "../util/context.ts";
import { files } from "./files.ts";

/** Where a project lies: all that a command needs which reads finished runs. */
export type Place = { readonly root: string; readonly artifacts: string };

/** What a project has stored, and how its files are told apart. */
export type Stored = Place & { readonly digests: Digests; readonly store: Store };

/** The project that a folder belongs to. */
export function placeOf(folder: string): Place {
  const root = projectRoot(join(folder, "any"), files);
  return { root, artifacts: join(root, "artifacts") };
}

/** The same with its store open; `artifacts` where another folder takes the place of the project's own. */
export function openStored(
  folder: string,
  { env }: Pick<Context, "env">,
  access: Access,
  artifacts: string = placeOf(folder).artifacts,
): Stored {
  const digests = openDigests(cacheRoot(env));
  return { ...placeOf(folder), artifacts, digests, store: openStore(artifacts, digests, access) };
}
