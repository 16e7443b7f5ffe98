import type excel from "exceljs";
import { columnName, rowXml } from "./row-writer.ts";
import type { CellText } from "./text-sanitizer.ts";

/** A font without a name is whatever the program likes. */
export const font = { name: "Calibri", size: 11, family: 2 } as const;

/** One column of a sheet. A number format makes it one of numbers. */
export type Column = {
  readonly header: string;
  readonly width: number;
  readonly numFmt?: string;
  readonly wrap?: boolean;
  readonly indent?: number;
};

/** Labels in one cell are joined by this, so that a comma within a label does no harm. */
export const between = "; ";

/** Number formats. */
export const score = "0.000";
export const whole = "#,##0";

/** ARGB, as Excel has colours. */
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

/** Red at 0, yellow at a half, green at 1. */
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

/** A workbook that sheets are added to, and what all of them share. */
export type Sheets = {
  readonly book: excel.stream.xlsx.WorkbookWriter;
  readonly text: CellText;
  /** Said above the header of every sheet; empty where nothing must be. */
  readonly warning: string;
};

/** A sheet that is filled row by row. */
export type Table = {
  readonly sheet: excel.Worksheet;
  /** Number of the first row below the header. */
  readonly first: number;
  /** Number of rows, header included. */
  rows: number;
  /** Adds a row of texts and numbers, to be committed; nothing is ever a formula, a link or an error. */
  add(values: readonly (string | number | undefined)[]): excel.Row;
  /** Writes a row at once, as one that is added and committed; after it every row is put. */
  put(values: readonly (string | number | undefined)[], height?: number): void;
};

/** What exceljs's writer has and its types leave out. */
type Writer = excel.Worksheet & { readonly stream: { write(xml: string): unknown } };
type Styles = { readonly styles: { addStyleModel(style: Partial<excel.Style>, type: excel.ValueType): number } };

/** A sheet with a frozen header, a filter on it, and so many frozen columns. */
export function addTable(
  { book, text, warning }: Sheets,
  name: string,
  columns: readonly Column[],
  frozen: number,
): Table {
  const head = warning === "" ? 1 : 2;
  const sheet = book.addWorksheet(name, {
    views: [{ state: "frozen", xSplit: frozen, ySplit: head }],
    headerFooter: { oddFooter: `&L${printed(warning)}&R&A, page &P of &N` },
    pageSetup: { orientation: "landscape", fitToPage: true, fitToWidth: 1, fitToHeight: 0 },
  });
  sheet.autoFilter = { from: { row: head, column: 1 }, to: { row: head, column: columns.length } };
  sheet.columns = columns.map(({ width }) => ({ width }));
  if (warning !== "") {
    const row = sheet.addRow([asText(text.of(warning))]);
    row.getCell(1).style = {
      alignment: { vertical: "middle", horizontal: "left" },
      font: { ...font, bold: true, color: { argb: colours.wrongText } },
      fill: solid(colours.warning),
    };
    row.commit();
  }
  const header = sheet.addRow(columns.map((column) => asText(text.of(column.header))));
  header.eachCell((cell, column) => {
    const isNumber = columns[column - 1]?.numFmt !== undefined;
    cell.style = {
      alignment: { vertical: "middle", horizontal: isNumber ? "right" : "left" },
      font: { ...font, bold: true, color: { argb: colours.headerText } },
      fill: solid(colours.header),
    };
  });
  header.commit();

  // One style object a column: the writer knows it again and does not compare styles cell by cell.
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
  // A style gets its number when it is first used, as the writer's own do.
  const numbers: (number | undefined)[] = columns.map(() => undefined);
  const numberOf = (column: number, value: string | number): number => {
    const type = typeof value === "number" ? excelTypes.number : excelTypes.text;
    numbers[column] ??= known.addStyleModel(styles[column] as Partial<excel.Style>, type);
    return numbers[column];
  };
  return {
    sheet,
    first: head + 1,
    rows: head,
    add(values) {
      this.rows++;
      const row = sheet.addRow(values.map((value) => (typeof value === "string" ? asText(text.of(value)) : value)));
      styles.forEach((style, column) => {
        if (values[column] !== undefined) row.getCell(column + 1).style = style;
      });
      return row;
    },
    put(values, height) {
      const cells = values.map((given, column) => {
        const value = typeof given === "string" ? text.of(given) : given;
        return { value, style: value === undefined ? 0 : numberOf(column, value) };
      });
      (sheet as Writer).stream.write(rowXml(++this.rows, cells, letters, height));
    },
  };
}

/** Types of cells by exceljs's numbers; its enumeration is not there where types alone are imported. */
const excelTypes = { number: 2, text: 3 };

/** A cell filled with one colour. */
export function solid(argb: string): excel.Fill {
  return { type: "pattern", pattern: "solid", fgColor: { argb } };
}

/** Changes the style of one cell and not the one that its column shares. */
export function restyle(cell: excel.Cell, style: Partial<excel.Style>): void {
  cell.style = { ...cell.style, ...style };
}

/** A text with space at its ends is written as a run, the one form in which the writer says that space counts. */
function asText(value: string | undefined): excel.CellValue {
  return value !== undefined && value.trim().length !== value.length ? { richText: [{ text: value }] } : value;
}

/** A text as a printed page's foot has it, where & begins a command and 255 characters are the most. */
function printed(text: string): string {
  return text.slice(0, 200).replaceAll("&", "&&");
}
