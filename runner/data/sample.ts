/** Bytes of a data file that its size is judged by. */
export const sampleBytes = 262_144;

/**
 * About how many rows a text table has and how many characters one, from its beginning and its size in bytes; undefined for a
 * workbook, which only reading would tell. A line break inside quotes counts as no row.
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
