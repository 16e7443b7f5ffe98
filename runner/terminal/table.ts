import { styles } from "./styles.ts";
import { cut, textWidth } from "./text-width.ts";

/** How a table is laid out. */
export type TableOptions = {
  /** One a column; left where absent. */
  readonly align?: readonly ("left" | "right")[];
  /** Cells that the table may take: the widest columns are cut until it fits. Unlimited where absent. */
  readonly columns?: number;
  /** Shows the first row, the head, in bold. */
  readonly color?: boolean;
};

const gap = "  ";
const narrowest = 6;

/** Plain text of a table whose first row is its head: one line a row, no trailing spaces, a line break at the end. */
export function table(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const widths = fitted(natural(rows), options.columns ?? Number.POSITIVE_INFINITY);
  const { bold } = styles(options.color === true);
  const lines = rows.map((row, index) => {
    const cells = widths.map((width, column) => {
      const whole = row[column] ?? "";
      const takes = textWidth(whole);
      const text = takes > width ? cut(whole, width) : whole;
      const space = " ".repeat(width - (takes > width ? textWidth(text) : takes));
      return options.align?.[column] === "right" ? space + text : text + space;
    });
    const line = cells.join(gap).trimEnd();
    return index === 0 ? bold(line) : line;
  });
  return lines.map((line) => `${line}\n`).join("");
}

function natural(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, textWidth(text));
  }
  return widths;
}

/** Takes from the widest column, cell by cell, until the sum fits or nothing can give. */
function fitted(widths: number[], limit: number): number[] {
  let over = widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1) - limit;
  while (over > 0) {
    const widest = Math.max(...widths);
    if (widest <= narrowest) break;
    widths[widths.indexOf(widest)] = widest - 1;
    over -= 1;
  }
  return widths;
}
