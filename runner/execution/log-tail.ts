import { join } from "node:path";
import { readEnd } from "../util/regular-file.ts";

/** The folder with the logs of steps, below the artifacts folder. */
export const stepLogsDir = (artifacts: string): string => join(artifacts, "logs");

/** The name of a step's log. */
export const logName = (step: string, key: string): string => `${step}-${key.slice(0, 8)}.log`;

const window = 64 * 1024;

/**
 * The last `n` non-empty lines of a log, from its last 64 KiB. Empty if it cannot be read. A progress bar is reduced to
 * its last state.
 */
export function lastLines(log: string, n: number): string[] {
  let end: { readonly bytes: Buffer; readonly isWhole: boolean };
  try {
    end = readEnd(log, window);
  } catch {
    return [];
  }
  const lines = end.bytes.toString("utf8").split("\n");
  if (!end.isWhole && lines.length > 1) lines.shift();
  const shown = lines.map((line) => line.trimEnd().split("\r").at(-1) ?? "");
  return shown.filter((line) => line.trim() !== "").slice(-n);
}
