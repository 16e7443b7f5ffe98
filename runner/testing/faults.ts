/** Fault injection: the number of faults, the random moments, and the processes that remain. */
import { readdirSync, readFileSync } from "node:fs";
import { createRandom } from "../util/random.ts";

/** Number of injected faults: 20, and 200 in a soak test. */
export const faults = Number(process.env.EXP_FAULTS ?? 20);

/** Numbers in [0, 1), equal in each run of the tests. */
export function seeded(seed: number): () => number {
  return createRandom(seed).next;
}

/** Ids of the processes whose command line contains a text. */
export function processesWith(text: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    });
}
