import { join } from "node:path";
import { isGlob, matchesPart } from "../util/glob.ts";
import type { Files } from "./files.ts";

/** Files that one name of a data file may stand for. */
export const mostDataFiles = 1000;
/** Folders that a name with wildcards may look into. With more, it matches nothing. */
const mostFolders = 10_000;

/**
 * The files that a glob matches, sorted by path; the path itself if it is that of a file, or if nothing matches. One more than
 * `mostDataFiles` are returned at most. `path` is absolute.
 */
export function dataFiles(path: string, files: Pick<Files, "kind" | "list">): string | readonly string[] {
  if (!isGlob(path) || files.kind(path) !== undefined) return path;
  const found: string[] = [];
  let folders = 0;
  const visit = (folder: string, parts: readonly string[]): void => {
    const [part, ...rest] = parts;
    if (part === undefined || found.length > mostDataFiles || folders > mostFolders) return;
    const enter = (name: string, left: readonly string[]): void => {
      const next = join(folder, name);
      if (left.length > 0) visit(next, left);
      else if (files.kind(next) !== "folder" && files.kind(next) !== undefined) found.push(next);
    };
    if (!isGlob(part)) {
      enter(part, rest);
      return;
    }
    folders += 1;
    const names = [...files.list(folder)].sort();
    if (part !== "**") {
      for (const name of names) if (matchesPart(name, part)) enter(name, rest);
      return;
    }
    visit(folder, rest.length === 0 ? ["*"] : rest);
    for (const name of names) {
      if (!name.startsWith(".") && files.kind(join(folder, name)) === "folder") visit(join(folder, name), parts);
    }
  };
  visit("/", path.split("/").slice(1));
  const sorted = [...new Set(found)].sort();
  return sorted.length === 0 || folders > mostFolders
    ? path
    : sorted.length === 1
      ? (sorted[0] as string)
      : Object.freeze(sorted);
}
