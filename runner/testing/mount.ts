import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import type { Rig } from "./rig.ts";

/** Mounts a tmpfs at a folder until the test ends, for example with ["size=1m"]. False if this user or kernel cannot. */
export function mountTmpfs(rig: Pick<Rig, "onClose">, folder: string, options: readonly string[] = []): boolean {
  mkdirSync(folder, { recursive: true });
  const flags = options.length === 0 ? [] : ["-o", options.join(",")];
  try {
    execFileSync("mount", ["-t", "tmpfs", ...flags, "tmpfs", folder], { stdio: "pipe" });
  } catch {
    return false;
  }
  rig.onClose(() => {
    try {
      execFileSync("umount", ["--lazy", folder], { stdio: "pipe" });
    } catch {
      // The test has unmounted it.
    }
  });
  return true;
}

/** Changes a mounted tmpfs, for example with "ro". */
export function remount(folder: string, option: string): void {
  execFileSync("mount", ["-o", `remount,${option}`, folder], { stdio: "pipe" });
}

export function unmount(folder: string): void {
  execFileSync("umount", [folder], { stdio: "pipe" });
}
