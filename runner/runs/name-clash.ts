import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { runsDir } from "./run-folder.ts";

/**
 * Why experiments with these names cannot have runs in one project; undefined if they can. On a disk that ignores case, two
 * names that differ only in case share a folder, and so one `latest` link.
 */
export function nameClash(names: readonly string[], artifacts: string): string | undefined {
  const folder = runsDir(artifacts);
  const existing = existsSync(folder) ? readdirSync(folder) : [];
  const known = new Set(existing);
  for (const [index, name] of names.entries()) {
    const differsInCase = (other: string): boolean => other !== name && other.toLowerCase() === name.toLowerCase();
    const given = names.slice(0, index).find(differsInCase);
    // If the folder exists but its name is not listed, the disk ignores case.
    const before = known.has(name) || !existsSync(join(folder, name)) ? undefined : existing.find(differsInCase);
    const other = given ?? before;
    if (other !== undefined) {
      return `the names of the experiments ${other} and ${name} differ only in case, which many disks ignore. Rename one`;
    }
  }
  return undefined;
}
