import { detectMachine, type Machine } from "../execution/devices.ts";
import type { Site } from "../pipeline/steps/site.ts";
import type { Access } from "../store/store.ts";
import type { Context } from "../util/context.ts";
import { openStored, type Stored } from "./place.ts";
import { siteOf } from "./site.ts";

/** A project as commands see it that plan or run: where it is, what it has stored, and the machine that it is on. */
export type Project = Stored & { readonly machine: Machine; readonly site: Site };

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
  const stored = openStored(folder, context, access, trial);
  const machine = await detectMachine();
  return { ...stored, machine, site: siteOf(context, machine, stored.root, trial !== undefined && !whole) };
}
