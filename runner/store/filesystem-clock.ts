import { randomBytes } from "node:crypto";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What time it is for the filesystem of a folder, in ms since 1970: the stamp of a file that is made there and removed. Ages of
 * files that other hosts have written are told by this clock, which is one for all of them; their own may be wrong by days.
 * Undefined where nothing can be written.
 */
export function diskNow(folder: string): number | undefined {
  const path = join(folder, `.clock.${randomBytes(6).toString("hex")}`);
  try {
    writeFileSync(path, "");
    return statSync(path).mtimeMs;
  } catch {
    return undefined;
  } finally {
    rmSync(path, { force: true });
  }
}
