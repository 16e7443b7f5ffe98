import type excel from "exceljs";
import { columnName, rowXml } from "./row-writer.ts";
import type { TextSanitizer } from "./text-sanitizer.ts";

/** exceljs writes no font name by default, so that each program would choose its own font. */
export const font = { name: "Calibri", size: 11, family: 2 } as const;

/** A column of a sheet. `numFmt` makes it a column of numbers. */
export type Column = {
  readonly header: string;
  readonly width: number;
  readonly numFmt?: string;
  readonly wrap?: boolean;
  readonly indent?: number;
};

/** The separator of labels in a cell. Labels can contain commas. */
export const labelSeparator = "; ";

/** The maximum number of rows of an Excel sheet, including the header. */
export const sheetRows = 1_048_576;

/** Number formats. */
export const score = "0.000";
export const whole = "#,##0";

/** The column of an arm's name. */
export const armColumn: Column = { header: "Arm", width: 26 };

/** The columns of the two bounds of an interval. `of` names what it is of, if the sheet has several. */
export const boundColumns = (numFmt: string, of = ""): readonly Column[] =>
  ["lower", "upper"].map((end) => {
    const header = `${of}95 % CI ${end}`;
    return { header, width: Math.max(15, header.length + 2), numFmt };
  });

/** Colours in ARGB. */
export const colours = {
  header: "FF1F3A5F",
  headerText: "FFFFFFFF",
  best: "FFDCEFDC",
  good: "FF63BE7B",
  middle: "FFFFEB84",
  bad: "FFF8696B",
  rightText: "FF1E7B34",
  wrongText: "FFB3261E",
  warning: "FFFFF3CD",
};

/** A colour scale: red at 0, yellow at 0.5, green at 1. */
export function scale(priority: number): excel.ConditionalFormattingRule {
  return {
    type: "colorScale",
    priority,
    cfvo: [
      { type: "num", value: 0 },
      { type: "num", value: 0.5 },
      { type: "num", value: 1 },
    ],
    color: [{ argb: colours.bad }, { argb: colours.middle }, { argb: colours.good }],
  };
}

/** A workbook under construction with the state that its sheets share. */
export type Sheets = {
  readonly book: excel.stream.xlsx.WorkbookWriter;
  readonly text: TextSanitizer;
  /** A notice above the header of every sheet; empty for none. */
  readonly warning: string;
};

/** A sheet that is written row by row. */
export type Table = {
  readonly sheet: excel.Worksheet;
  /** Number of the first data row. */
  readonly first: number;
  /** Number of rows, including the header. */
  rows: number;
  /** Names of the columns: A, B, C. */
  readonly letters: readonly string[];
  /** Adds a row of texts and numbers, which the caller commits. Text is never a formula, a link or an error value. */
  add(values: readonly (string | number | undefined)[]): excel.Row;
  /** Writes a row without a row object. After the first call, `add` must not be used. */
  write(values: readonly (string | number | undefined)[]): void;
};

/** Members of exceljs's writer that its types do not declare. */
type Writer = excel.Worksheet & { readonly stream: { write(xml: string): unknown } };
type Styles = { readonly styles: { addStyleModel(style: Partial<excel.Style>, type: excel.ValueType): number } };

/** Columns and rows of a sheet without the columns that have no value in any row. */
export function withoutEmpty(
  columns: readonly Column[],
  rows: readonly (readonly (string | number | undefined)[])[],
): { readonly columns: readonly Column[]; readonly rows: typeof rows } {
  const isFilled = columns.map((_, at) => rows.length === 0 || rows.some((row) => (row[at] ?? "") !== ""));
  const kept = <T>(list: readonly T[]): readonly T[] => list.filter((_, at) => isFilled[at]);
  return { columns: kept(columns), rows: rows.map(kept) };
}

/** Adds a sheet with a frozen and filtered header, and `frozen` frozen columns. */
export function addTable(
  { book, text, warning }: Sheets,
  name: string,
  columns: readonly Column[],
  frozen: number,
): Table {
  const head = warning === "" ? 1 : 2;
  const sheet = book.addWorksheet(name, {
    views: [{ state: "frozen", xSplit: frozen, ySplit: head }],
    headerFooter: { oddFooter: `&L${footerText(warning)}&R&A, page &P of &N` },
    pageSetup: { orientation: "landscape", fitToPage: true, fitToWidth: 1, fitToHeight: 0 },
  });
  sheet.autoFilter = { from: { row: head, column: 1 }, to: { row: head, column: columns.length } };
  sheet.columns = columns.map(({ width }) => ({ width }));
  if (warning !== "") {
    const row = sheet.addRow([asText(text.sanitize(warning))]);
    row.getCell(1).style = {
      alignment: { vertical: "middle", horizontal: "left" },
      font: { ...font, bold: true, color: { argb: colours.wrongText } },
      fill: solid(colours.warning),
    };
    row.commit();
  }
  const header = sheet.addRow(columns.map((column) => asText(text.sanitize(column.header))));
  header.eachCell((cell, column) => {
    const { numFmt, indent } = columns[column - 1] as Column;
    cell.style = {
      alignment: {
        vertical: "middle",
        horizontal: numFmt === undefined ? "left" : "right",
        ...(indent ? { indent } : {}),
      },
      font: { ...font, bold: true, color: { argb: colours.headerText } },
      fill: solid(colours.header),
    };
  });
  header.commit();

  // The writer recognises a shared style object and skips the comparison of styles per cell.
  const styles = columns.map(
    ({ numFmt, wrap, indent }): Partial<excel.Style> => ({
      ...(numFmt === undefined ? {} : { numFmt }),
      alignment: {
        vertical: "top",
        ...(numFmt === undefined ? { horizontal: "left" } : {}),
        ...(wrap ? { wrapText: true } : {}),
        ...(indent ? { indent } : {}),
      },
    }),
  );
  const { styles: known } = book as unknown as Styles;
  const letters = columns.map((_, column) => columnName(column + 1));
  // A style gets its index on first use, as in exceljs.
  const styleIndices: (number | undefined)[] = columns.map(() => undefined);
  const styleIndexOf = (column: number, value: string | number): number => {
    const type = typeof value === "number" ? excelTypes.number : excelTypes.text;
    styleIndices[column] ??= known.addStyleModel(styles[column] as Partial<excel.Style>, type);
    return styleIndices[column];
  };
  return {
    sheet,
    first: head + 1,
    rows: head,
    letters,
    add(values) {
      this.rows++;
      const row = sheet.addRow(
        values.map((value) => (typeof value === "string" ? asText(text.sanitize(value)) : value)),
      );
      styles.forEach((style, column) => {
        if (values[column] !== undefined) row.getCell(column + 1).style = style;
      });
      const height = heightOf(values, columns);
      if (height !== undefined) row.height = height;
      return row;
    },
    write(values) {
      const cells = values.map((given, column) => {
        const value = typeof given === "string" ? text.sanitize(given) : given;
        return { value, style: value === undefined ? 0 : styleIndexOf(column, value) };
      });
      (sheet as Writer).stream.write(rowXml(++this.rows, cells, letters, heightOf(values, columns)));
    },
  };
}

/** Points of a line, and the maximum that Excel allows for a row. */
const lineHeight = 15;
const mostHeight = 409;

/** The height in points that shows the wrapped texts of a row; undefined for one line. */
export function heightOf(
  values: readonly (string | number | undefined)[],
  columns: readonly Column[],
): number | undefined {
  let lines = 1;
  for (let at = 0; at < columns.length; at++) {
    const { wrap, width, indent = 0 } = columns[at] as Column;
    const value = values[at];
    if (wrap && typeof value === "string") lines = Math.max(lines, linesOf(value, width - 2 * indent));
  }
  return lines === 1 ? undefined : Math.min(mostHeight, lines * lineHeight);
}

/** The lines of a text in a column, slightly overestimated: a line break wastes a part of a line. */
function linesOf(text: string, width: number): number {
  let lines = 0;
  for (const line of text.split("\n")) {
    // A character of CJK scripts is two digits wide.
    const length = line.length + (/[\u2e80-\uffff]/.test(line) ? (line.match(/[\u2e80-\uffff]/g)?.length ?? 0) : 0);
    lines += length <= width ? 1 : Math.ceil(length / (width - 2));
  }
  return lines;
}

/** Cell types of exceljs. Its enumeration would be a run-time import. */
const excelTypes = { number: 2, text: 3 };

/** A cell filled with one colour. */
export function solid(argb: string): excel.Fill {
  return { type: "pattern", pattern: "solid", fgColor: { argb } };
}

/** Changes the style of one cell without changing the shared style of its column. */
export function restyle(cell: excel.Cell, style: Partial<excel.Style>): void {
  cell.style = { ...cell.style, ...style };
}

/** Text with leading or trailing spaces becomes a rich-text run, the only form in which exceljs preserves them. */
function asText(value: string | undefined): excel.CellValue {
  return value !== undefined && value.trim().length !== value.length ? { richText: [{ text: value }] } : value;
}

/** Text for a page footer: `&` starts a command, and the length is limited to 255 characters. */
function footerText(text: string): string {
  return text.slice(0, 200).replaceAll("&", "&&");
}
