/** Bytes at the start of a data file from which its rows are estimated. */
export const sampleBytes = 262_144;

/**
 * Estimates the rows of a text table, and the characters per row, from its start and its size in bytes; undefined for a
 * workbook. A line break inside quotes does not start a row.
 */
export function sampleRows(
  file: string,
  start: Uint8Array,
  size: number,
): { readonly count: number; readonly characters: number } | undefined {
  if (file.toLowerCase().endsWith(".xlsx") || start.length === 0) return undefined;
  const text = new TextDecoder().decode(start);
  const lines = text.replace(/"[^"]*"/g, (cell) => "x".repeat(cell.length)).split("\n");
  const whole = start.length < size ? lines.slice(0, -1) : lines.filter((line) => line !== "");
  const isTable = !/\.(jsonl|ndjson)$/i.test(file);
  const rows = whole.length - (isTable ? 1 : 0);
  if (rows < 1) return undefined;
  const characters = whole.slice(isTable ? 1 : 0).reduce((sum, line) => sum + line.length + 1, 0) / rows;
  return { count: start.length < size ? Math.round(size / characters) : rows, characters };
}
