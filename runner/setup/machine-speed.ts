import { join } from "node:path";
import { defaultEnvironment } from "../plugins/environments.ts";
import type { CoreSpeed } from "../plugins/measurement.ts";
import { readStart } from "../util/regular-file.ts";
import { isAmount, isMap, isText, shape } from "../util/shape.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import { cacheRoot } from "./cache.ts";
import { environmentStatus } from "./environments.ts";
import { prober, type Where } from "./probe.ts";

/** Largest file that is read. Bytes */
const largest = 1 << 16;
/** A measurement that failed is not tried again before. ms */
const retryAfter = 3_600_000;

const isSpeed = shape({ fp32: isAmount, bf16: isAmount, bandwidth: isAmount });
const hasTime = shape({ at: isText });

const file = (env: Where["env"]): string => join(cacheRoot(env), "machine-speed.json");

/** Machine -> its speed, or the time of an attempt that failed. */
function readAll(env: Where["env"]): Readonly<Record<string, unknown>> {
  try {
    const all: unknown = JSON.parse(readStart(file(env), largest).toString("utf8"));
    return isMap(all) ? all : {};
  } catch {
    return {};
  }
}

/** The speed of a core of this machine, if it was measured. */
export function readSpeed(machine: string, env: Where["env"]): CoreSpeed | undefined {
  const speed = Object.entries(readAll(env)).find(([name]) => name === machine)?.[1];
  return isSpeed(speed) ? (speed as CoreSpeed) : undefined;
}

/**
 * Measures the speed of a core of this machine, about 2 s of computation and the start of PyTorch, and keeps it in the
 * cache folder. Does nothing if it is known, if an attempt has failed within the hour, or without an environment.
 */
export async function measureSpeed(machine: string, where: Where): Promise<void> {
  const before = Object.entries(readAll(where.env)).find(([name]) => name === machine)?.[1];
  const isRecent = hasTime(before) && Date.now() - Date.parse((before as { at: string }).at) < retryAfter;
  if (isSpeed(before) || isRecent) return;
  const { state, python } = environmentStatus(defaultEnvironment(), where);
  if (state !== "ok") return;
  const program = join(where.packageRoot, "recipes/tools/machine_speed.py");
  const output = await prober(where.env)(python, ["-I", program]);
  let speed: unknown;
  try {
    speed = JSON.parse(output ?? "");
  } catch {
    speed = undefined;
  }
  const entry = isSpeed(speed) ? (speed as CoreSpeed) : { at: new Date().toISOString() };
  try {
    const all = { ...readAll(where.env), [machine]: entry };
    writeFileAtomic(file(where.env), `${JSON.stringify(all, null, 1)}\n`);
  } catch {
    // The cache folder is read-only: the next plan measures again.
  }
}
