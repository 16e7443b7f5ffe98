import { execFile } from "node:child_process";
import { join } from "node:path";

/**
 * Energy counters of GPUs in millijoules by UUID, read by a Python program from the driver. Empty if it reports none.
 */
export function gpuCounters(
  python: string,
  packageRoot: string,
  uuids: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  if (uuids.length === 0) return Promise.resolve({});
  return new Promise((resolve) => {
    const args = ["-I", join(packageRoot, "recipes/tools/gpu_energy.py"), ...uuids];
    execFile(python, args, { timeout: 10_000 }, (error, stdout) => {
      try {
        resolve(error === null ? (JSON.parse(stdout) as Record<string, number>) : {});
      } catch {
        resolve({});
      }
    });
  });
}
