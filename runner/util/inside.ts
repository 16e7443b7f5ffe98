import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

/** Whether a path is a folder or below it, with every link resolved. A path that does not exist counts by its parent. */
export function isInside(path: string, folder: string): boolean {
  const below = relative(realPath(resolve(folder)), realPath(resolve(path)));
  return below === "" || (below !== ".." && !below.startsWith(`..${sep}`) && !below.startsWith(sep));
}

/**
 * The path of a regular file that is named relative to a folder; undefined if it does not exist, is no regular file, or
 * is outside the folder once every link is resolved. Use it for each path that a manifest names.
 */
export function fileInside(folder: string, name: string): string | undefined {
  if (name.includes("\0")) return undefined;
  const path = resolve(folder, name);
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return isFile && isInside(path, folder) ? path : undefined;
}

/** The path with the links of its existing part resolved. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
