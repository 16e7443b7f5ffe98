import { detectMachine, type Machine } from "../execution/devices.ts";
import type { Site } from "../plugins/site.ts";
import type { Access } from "../store/store.ts";
import type { Context } from "../util/context.ts";
import { openStored, type Stored } from "./place.ts";
import { siteOf } from "./site.ts";

/** A project with its store and its machine, for commands that plan or run. */
export type Project = Stored & { readonly machine: Machine; readonly site: Site };

/**
 * Opens the project of a folder. `trial` is another artifacts folder, so that the project's store stays unchanged. With `whole`
 * every step may run there; without it only the steps that token-level checks need.
 */
export async function openProject(
  folder: string,
  context: Context,
  access: Access,
  trial?: string | undefined,
  whole = false,
): Promise<Project> {
  const stored = openStored(folder, context, access, trial);
  const machine = await detectMachine();
  return { ...stored, machine, site: siteOf(context, machine, stored.root, trial !== undefined && !whole) };
}
