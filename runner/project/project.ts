import { join } from "node:path";
import { detectMachine, type Machine } from "../execute/devices.ts";
import { projectRoot } from "../experiment/files.ts";
import { cacheRoot } from "../setup/cache.ts";
import type { Site } from "../steps/site.ts";
import { type Digests, openDigests } from "../store/digest.ts";
import { type Access, openStore, type Store } from "../store/store.ts";
import type { Context } from "./context.ts";
import { files } from "./files.ts";
import { siteOf } from "./site.ts";

/** A project as commands see it: where it is, what it has stored, and the machine that it is on. */
export type Project = {
  readonly root: string;
  readonly artifacts: string;
  readonly digests: Digests;
  readonly store: Store;
  readonly machine: Machine;
  readonly site: Site;
};

/**
 * Opens the project that a folder belongs to. With `trial`, a folder for what is only tried, its store stays as it is; `whole`
 * says that everything is run there, and not only what tokens need.
 */
export async function openProject(
  folder: string,
  context: Context,
  access: Access,
  trial?: string | undefined,
  whole = false,
): Promise<Project> {
  const root = projectRoot(join(folder, "any"), files);
  const artifacts = trial ?? join(root, "artifacts");
  const digests = openDigests(cacheRoot(context.env));
  const machine = await detectMachine();
  return {
    root,
    artifacts,
    digests,
    store: openStore(artifacts, digests, access),
    machine,
    site: siteOf(context, machine, root, trial !== undefined && !whole),
  };
}
