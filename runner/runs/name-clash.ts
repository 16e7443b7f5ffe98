import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { runsDir } from "./run-folder.ts";

/**
 * Why experiments of these names cannot have their runs in one study, in words; undefined where they can. Two names that differ
 * by case alone are one folder on many disks (those of macOS and Windows, most USB sticks), and each would be the other's latest.
 */
export function clashByCase(names: readonly string[], artifacts: string): string | undefined {
  const folder = runsDir(artifacts);
  const there = existsSync(folder) ? readdirSync(folder) : [];
  const known = new Set(there);
  for (const [index, name] of names.entries()) {
    const isSame = (other: string): boolean => other !== name && other.toLowerCase() === name.toLowerCase();
    const beside = names.slice(0, index).find(isSame);
    // A folder that is there by a name that is not listed: this disk takes both names for one.
    const before = known.has(name) || !existsSync(join(folder, name)) ? undefined : there.find(isSame);
    const other = beside ?? before;
    if (other !== undefined) {
      return `the experiments ${other} and ${name} differ by case alone, and many disks do not tell their runs apart; rename one`;
    }
  }
  return undefined;
}
