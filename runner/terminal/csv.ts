const number = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Rows as comma-separated values (RFC 4180). Cells are quoted only if necessary. A text that a spreadsheet would evaluate as a
 * formula gets the prefix `'`; numbers stay.
 */
export function csv(rows: readonly (readonly string[])[]): string {
  const cell = (value: string): string => {
    const text = /^\s*[=+\-@]|^[\t\r]/.test(value) && !number.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
