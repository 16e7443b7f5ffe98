import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Measurement } from "../plugins/measurement.ts";
import { readStart } from "../util/regular-file.ts";
import { isAmount, isText, nullable, optional, shape } from "../util/shape.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import { cacheRoot } from "./cache.ts";

type Env = NodeJS.ProcessEnv;

/** Measurements that are kept. */
const most = 500;
const largest = 1 << 20;

const isMeasurement = shape({
  ...{ kind: isText, machine: isText, program: isText, method: isText, precision: isText, at: isText },
  ...{ parameters: isAmount, batch: isAmount, length: isAmount, characters: isAmount, seconds: isAmount },
  memory: nullable(isAmount),
  used: optional(isAmount),
});

const file = (env: Env): string => join(cacheRoot(env), "measurements.jsonl");

/** The time and memory of steps that ended on this machine, oldest first. Lines of another form are left out. */
export function readMeasurements(env: Env): readonly Measurement[] {
  let text: string;
  try {
    text = readStart(file(env), largest).toString("utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return isMeasurement(value) ? [value as Measurement] : [];
    } catch {
      return [];
    }
  });
}

/** Appends a measurement. Only estimates depend on the file, so that errors of writing are ignored. */
export function recordMeasurement(measurement: Measurement, env: Env): void {
  try {
    const path = file(env);
    mkdirSync(dirname(path), { recursive: true });
    appendFileSync(path, `${JSON.stringify(measurement)}\n`);
    const all = readMeasurements(env);
    if (all.length >= 2 * most)
      writeFileAtomic(
        path,
        all
          .slice(-most)
          .map((one) => `${JSON.stringify(one)}\n`)
          .join(""),
      );
  } catch {
    // The disk is full or the folder is read-only.
  }
}
