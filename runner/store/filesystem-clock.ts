import { randomBytes } from "node:crypto";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The time of a folder's filesystem in ms since 1970: the time stamp of a temporary file. Hosts that share a folder share this
 * clock, while their own clocks may differ by days. Undefined if the folder is not writable.
 */
export function filesystemNow(folder: string): number | undefined {
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
