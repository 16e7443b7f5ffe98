import { join } from "node:path";
import { projectRoot } from "../config/files.ts";
import { cacheRoot } from "../setup/cache.ts";
import { type Digests, openDigests } from "../store/digest.ts";
import { type Access, openStore, type Store } from "../store/store.ts";
import type { Context } from "../util/context.ts";
import { refuseForeignLinks } from "./authorship.ts";
import { files } from "./files.ts";

/** The folders of a project. Commands that read finished runs need no more. */
export type Place = { readonly root: string; readonly artifacts: string };

/** A project with its open store and the digests of its files. */
export type Stored = Place & { readonly digests: Digests; readonly store: Store };

/** The project of a folder. Throws UserError `linked-folder`. */
export function placeOf(folder: string): Place {
  const root = projectRoot(join(folder, "any"), files);
  refuseForeignLinks(root);
  return { root, artifacts: join(root, "artifacts") };
}

/** Opens the store of a folder's project. `artifacts` replaces the project's artifacts folder. */
export function openStored(
  folder: string,
  { env }: Pick<Context, "env">,
  access: Access,
  artifacts: string = placeOf(folder).artifacts,
): Stored {
  const digests = openDigests(cacheRoot(env));
  return { ...placeOf(folder), artifacts, digests, store: openStore(artifacts, digests, access) };
}
