import { readFileSync } from "node:fs";

/** Rows as JSON Lines, one object a line. */
export function jsonLines(rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** Rows of a .jsonl file that a step of this plan wrote; its form is trusted. */
export function readJsonLines<T>(path: string): readonly T[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
