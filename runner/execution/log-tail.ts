import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const window = 64 * 1024;

/**
 * The last `n` non-empty lines of a log, from its last 64 KiB. Empty if it cannot be read. A progress bar is reduced to
 * its last state.
 */
export function lastLines(log: string, n: number): string[] {
  let file: number;
  try {
    file = openSync(log, "r");
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(0, size - window);
    const bytes = Buffer.alloc(size - start);
    const read = readSync(file, bytes, 0, bytes.length, start);
    const lines = bytes.toString("utf8", 0, read).split("\n");
    if (start > 0 && lines.length > 1) lines.shift();
    const shown = lines.map((line) => line.trimEnd().split("\r").at(-1) ?? "");
    return shown.filter((line) => line.trim() !== "").slice(-n);
  } finally {
    closeSync(file);
  }
}
