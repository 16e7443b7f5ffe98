const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

const escaped = (text: string): string =>
  /[&<>"']/.test(text) ? text.replaceAll(/[&<>"']/g, (character) => entities[character] as string) : text;

/** The name of a column by its number from 1: 1 is A, 27 is AA. */
export function columnName(number: number): string {
  const rest = Math.floor((number - 1) / 26);
  return `${rest === 0 ? "" : columnName(rest)}${String.fromCharCode(65 + ((number - 1) % 26))}`;
}

/** A cell: sanitised text or a number, undefined for an empty cell, and the index of its style. */
export type CellXml = { readonly value: string | number | undefined; readonly style: number };

/**
 * The XML of a row, as exceljs writes it. exceljs spends most of its time on cell objects, which this function avoids. Empty cells
 * are omitted. `columns` are column names; `height` is in points.
 */
export function rowXml(
  number: number,
  cells: readonly CellXml[],
  columns: readonly string[],
  height: number | undefined,
): string {
  let first = 0;
  let last = 0;
  let cellXml = "";
  for (let at = 0; at < cells.length; at++) {
    const { value, style } = cells[at] as CellXml;
    if (value === undefined) continue;
    if (first === 0) first = at + 1;
    last = at + 1;
    const styled = style === 0 ? "" : ` s="${style}"`;
    cellXml += `<c r="${columns[at]}${number}"${styled}${content(value)}</c>`;
  }
  const heightXml = height === undefined ? "" : ` ht="${height}" customHeight="1"`;
  const spans = first === 0 ? "" : ` spans="${first}:${last}"`;
  return `<row r="${number}"${heightXml}${spans} x14ac:dyDescent="0.25">${cellXml}</row>`;
}

function content(value: string | number): string {
  if (typeof value === "number") return `><v>${value}</v>`;
  // Excel preserves leading and trailing spaces only in a run with xml:space.
  if (value.trim().length !== value.length)
    return ` t="inlineStr"><is><r><t xml:space="preserve">${escaped(value)}</t></r></is>`;
  return ` t="str"><v>${escaped(value)}</v>`;
}
