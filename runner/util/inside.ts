import { lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
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

/** The links below a folder that decide which file a path names. Links outside the folder do not count. */
export function linksWithin(folder: string, path: string): readonly string[] {
  const [written, real] = [resolve(folder), realPath(resolve(folder))];
  const links: string[] = [];
  let next: string | undefined = resolve(path);
  // The system follows at most as many.
  while (next !== undefined && links.length < 40) {
    const root: string | undefined = [written, real].find((one) => below(next as string, one) !== undefined);
    if (root === undefined) break;
    const parts = (below(next, root) as string).split(sep);
    const at = parts.findIndex((_, index) => isLink(join(real, ...parts.slice(0, index + 1))));
    if (at < 0) break;
    const link = join(real, ...parts.slice(0, at + 1));
    links.push(link);
    next = resolve(dirname(link), readlinkSync(link), ...parts.slice(at + 1));
  }
  return links;
}

/** The path of a file relative to a folder, by the letters of both; undefined if it is not below it. */
function below(path: string, folder: string): string | undefined {
  const name = relative(folder, path);
  return name === "" || name === ".." || name.startsWith(`..${sep}`) || name.startsWith(sep) ? undefined : name;
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch {
    return false;
  }
}

/** The path with the links of its existing part resolved. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
