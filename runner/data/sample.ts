import { decode } from "./decode.ts";
import { formatByName } from "./formats.ts";

/** Bytes at the start of a data file from which its rows are estimated. */
export const sampleBytes = 262_144;

/**
 * Estimates the rows of a text table or of JSON lines, and the characters per row, from its start and its size in bytes;
 * undefined for any other file. A line break inside quotes does not start a row.
 */
export function sampleRows(
  file: string,
  start: Uint8Array,
  size: number,
): { readonly count: number; readonly characters: number } | undefined {
  const found = formatByName(file);
  const isText = found !== undefined && !found.isGzip && ["csv", "tsv", "jsonl"].includes(found.format);
  if (!isText || start.length === 0) return undefined;
  const { text } = decode(start, true);
  const lines = text.replace(/"[^"]*"/g, (cell) => "x".repeat(cell.length)).split("\n");
  const whole = start.length < size ? lines.slice(0, -1) : lines.filter((line) => line !== "");
  const isTable = found.format !== "jsonl";
  const rows = whole.length - (isTable ? 1 : 0);
  if (rows < 1) return undefined;
  const characters = whole.slice(isTable ? 1 : 0).reduce((sum, line) => sum + line.length + 1, 0) / rows;
  return { count: start.length < size ? Math.round(size / characters) : rows, characters };
}
