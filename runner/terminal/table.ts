import { styles } from "./styles.ts";
import { cut, textWidth } from "./text-width.ts";

/** The layout of a table. */
export type TableOptions = {
  /** Alignment by column. Default: left. */
  readonly align?: readonly ("left" | "right")[];
  /** Maximum width in cells: the widest columns are truncated until the table fits. Default: unlimited. */
  readonly columns?: number;
  /** Prints the first row in bold. */
  readonly color?: boolean;
};

const gap = "  ";
const minWidth = 6;

/** A table as text, one line per row without trailing spaces. The first row is the head. Ends with a line break. */
export function table(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const widths = fitWidths(contentWidths(rows), options.columns ?? Number.POSITIVE_INFINITY);
  const { bold } = styles(options.color === true);
  const lines = rows.map((row, index) => {
    const cells = widths.map((width, column) => {
      const content = row[column] ?? "";
      const textCells = textWidth(content);
      const text = textCells > width ? cut(content, width) : content;
      const space = " ".repeat(width - (textCells > width ? textWidth(text) : textCells));
      return options.align?.[column] === "right" ? space + text : text + space;
    });
    const line = cells.join(gap).trimEnd();
    return index === 0 ? bold(line) : line;
  });
  return lines.map((line) => `${line}\n`).join("");
}

function contentWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, textWidth(text));
  }
  return widths;
}

/** Shrinks the widest column by one cell until the sum fits or all columns have the minimum width. */
function fitWidths(widths: number[], limit: number): number[] {
  let excess = widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1) - limit;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= minWidth) break;
    widths[widths.indexOf(widest)] = widest - 1;
    excess -= 1;
  }
  return widths;
}
