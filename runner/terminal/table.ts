import { largest } from "../util/extremes.ts";
import { styles } from "./styles.ts";
import { textWidth } from "./text-width.ts";
import { wrapped } from "./wrap.ts";

/** The layout of a table. */
export type TableOptions = {
  /** Alignment by column. Default: left. */
  readonly align?: readonly ("left" | "right")[];
  /** Maximum width in cells. Default: unlimited. */
  readonly columns?: number;
  /** What a table becomes that is too wide after its texts are broken at spaces. Default: "drop". */
  readonly narrow?: "drop" | "blocks";
  /** Names of the columns, for lines about them. Default: the first row. */
  readonly names?: readonly string[];
  /** Prints the first row in bold. */
  readonly color?: boolean;
};

type Rows = readonly (readonly string[])[];

const gap = "  ";

/** A text of several words is not broken into lines narrower than this. */
const narrowestText = 24;

/**
 * A table as text, without trailing spaces. The first row is the head. Ends with a line break. Cells of a table that is
 * too wide are broken at spaces. If that is not enough, the table ends before the first column that does not fit, and a
 * line names the other ones; or each row becomes a block of lines. No word is cut.
 */
export function table(rows: Rows, options: TableOptions = {}): string {
  const limit = options.columns ?? Number.POSITIVE_INFINITY;
  const widths = contentWidths(rows);
  if (total(widths) <= limit) return drawn(rows, widths, options);
  const fitted = fitWidths(widths, leastWidths(rows, widths, options), limit);
  if (total(fitted) <= limit) return drawn(rows, fitted, options);
  if (options.narrow === "blocks") return blocks(rows, limit, options);
  return withoutLast(rows, widths, limit, options);
}

const total = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1);

function drawn(rows: Rows, widths: readonly number[], { align, color }: TableOptions): string {
  const { bold } = styles(color === true);
  const lines = rows.flatMap((row, index) => {
    const cells = widths.map((width, column) => {
      const content = row[column] ?? "";
      return textWidth(content) > width ? wrapped(content, width) : [content];
    });
    const height = largest(
      cells.map(({ length }) => length),
      1,
    );
    return Array.from({ length: height }, (_, at) => {
      const parts = cells.map((texts, column) => {
        const text = texts[at] ?? "";
        const space = " ".repeat(Math.max(0, (widths[column] as number) - textWidth(text)));
        return align?.[column] === "right" ? space + text : text + space;
      });
      const line = parts.join(gap).trimEnd();
      return index === 0 ? bold(line) : line;
    });
  });
  return lines.map((line) => `${line}\n`).join("");
}

/** The table without its last columns, and a line with their names. */
function withoutLast(rows: Rows, widths: readonly number[], limit: number, options: TableOptions): string {
  const names = options.names ?? rows[0] ?? [];
  let kept = widths.length;
  let fitted: readonly number[] = widths;
  while (kept > 1 && total(fitted) > limit) {
    kept -= 1;
    const part = rows.map((row) => row.slice(0, kept));
    const own = contentWidths(part);
    fitted = fitWidths(own, leastWidths(part, own, options), limit);
  }
  const hidden = names.slice(kept).filter((name) => name !== "");
  const note = hidden.length === 0 ? "" : `Columns that do not fit: ${hidden.join(", ")}`;
  const shown = drawn(
    rows.map((row) => row.slice(0, kept)),
    fitted,
    options,
  );
  return `${shown}${wrapped(note, limit)
    .map((line) => `${line}\n`)
    .join("")}`;
}

/** Each row as a block: its first cell, and an indented line for each other cell that has a text. */
function blocks(rows: Rows, limit: number, { names = rows[0] ?? [], color }: TableOptions): string {
  const { bold } = styles(color === true);
  const longest = largest(names.slice(1).map(textWidth));
  const start = gap.length + longest + gap.length;
  return rows
    .slice(names === rows[0] ? 1 : 0)
    .map(([first = "", ...cells]) => {
      const lines = cells.flatMap((cell, at) => {
        const name = names[at + 1] ?? "";
        if (cell === "" || name === "") return [];
        if (start + narrowestText > limit) return [...wrapped(gap + name, limit), ...wrapped(gap + gap + cell, limit)];
        const before = `${gap}${name}${" ".repeat(longest - textWidth(name))}${gap}`;
        return wrapped(cell, limit - start).map((text, line) => (line === 0 ? before : " ".repeat(start)) + text);
      });
      return [...wrapped(first, limit).map((line) => bold(line)), ...lines].map((line) => `${line}\n`).join("");
    })
    .join("");
}

function contentWidths(rows: Rows): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, textWidth(text));
  }
  return widths;
}

/** The least width of each column: numbers and words are not broken, and texts have a least width. */
function leastWidths(rows: Rows, widths: readonly number[], { align }: TableOptions): readonly number[] {
  const longestWord = (text: string): number => largest(text.split(" ").map(textWidth));
  return widths.map((width, column) => {
    const [head = "", ...cells] = rows.map((row) => row[column] ?? "");
    const isNumber = align?.[column] === "right";
    const body = largest(cells.map(isNumber ? textWidth : longestWord), 0);
    return Math.min(width, Math.max(body, longestWord(head), isNumber ? 0 : narrowestText));
  });
}

/** Shrinks the widest column that can be narrower, one cell at a time, until the sum fits. */
function fitWidths(widths: readonly number[], least: readonly number[], limit: number): readonly number[] {
  const fitted = [...widths];
  for (let excess = total(fitted) - limit; excess > 0; excess -= 1) {
    const free = fitted.map((width, column) => (width > (least[column] as number) ? width : 0));
    const widest = largest(free);
    if (widest === 0) break;
    fitted[free.indexOf(widest)] = widest - 1;
  }
  return fitted;
}
