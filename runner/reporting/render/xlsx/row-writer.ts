const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

const escaped = (text: string): string =>
  /[&<>"']/.test(text) ? text.replaceAll(/[&<>"']/g, (letter) => entities[letter] as string) : text;

/** The letters of a column: 1 is A, 27 is AA. */
export function columnName(number: number): string {
  const rest = Math.floor((number - 1) / 26);
  return `${rest === 0 ? "" : columnName(rest)}${String.fromCharCode(65 + ((number - 1) % 26))}`;
}

/** A cell's value as a sheet has it: text fit for XML, with its style's number; undefined for an empty one. */
export type CellXml = { readonly value: string | number | undefined; readonly style: number };

/**
 * A row of a sheet as exceljs writes one, without an object for each of its cells, which is most of its time; empty texts are no
 * cells. `columns` are the columns' letters; `height` is in points.
 */
export function rowXml(
  number: number,
  cells: readonly CellXml[],
  columns: readonly string[],
  height: number | undefined,
): string {
  let first = 0;
  let last = 0;
  let inside = "";
  for (let at = 0; at < cells.length; at++) {
    const { value, style } = cells[at] as CellXml;
    if (value === undefined) continue;
    if (first === 0) first = at + 1;
    last = at + 1;
    const styled = style === 0 ? "" : ` s="${style}"`;
    inside += `<c r="${columns[at]}${number}"${styled}${content(value)}</c>`;
  }
  const high = height === undefined ? "" : ` ht="${height}" customHeight="1"`;
  const spans = first === 0 ? "" : ` spans="${first}:${last}"`;
  return `<row r="${number}"${high}${spans} x14ac:dyDescent="0.25">${inside}</row>`;
}

function content(value: string | number): string {
  if (typeof value === "number") return `><v>${value}</v>`;
  // Space at an end counts only in a run that says so.
  if (value.trim().length !== value.length)
    return ` t="inlineStr"><is><r><t xml:space="preserve">${escaped(value)}</t></r></is>`;
  return ` t="str"><v>${escaped(value)}</v>`;
}
