import type { Result, SourceText, Span } from "../../util/diagnostic.ts";
import { UserError } from "../../util/user-error.ts";
import type { DataFile, DataTable } from "../data-table.ts";
import { lineEnd, lineStart } from "../lines.ts";
import { columnsOf, Problems } from "../problems.ts";
import { workbookLimits, workbookTooLarge } from "./limits.ts";
import type { SheetRow } from "./sheet.ts";
import { readWorkbook, type Sheet } from "./workbook.ts";

/**
 * Reads a sheet as a table. Its columns are those up to the last name in the header, and those after it that have a
 * value: a value without a column name is kept in a column without a name, as a CSV export of the sheet has it.
 */
export async function readSheet(file: DataFile): Promise<Result<DataTable>> {
  const refuse = ({ code, message, help }: UserError): Result<never> => {
    const problems = new Problems({ path: file.path, text: "" });
    problems.add(0, 0, code, message, help);
    return problems.result();
  };
  let sheet: Sheet;
  try {
    sheet = await readWorkbook(bufferOf(file.bytes), file.sheet);
  } catch (error) {
    if (error instanceof UserError) return refuse(error);
    throw error;
  }
  const { headerRow } = file;
  const [top, ...body] = headerRow === undefined ? sheet.rows : sheet.rows.filter(({ number }) => number >= headerRow);
  if (headerRow !== undefined && top?.number !== headerRow) {
    const help = `the first row with a value is ${sheet.rows[0]?.number ?? "missing"}`;
    return refuse(new UserError("header-row", `row ${headerRow} of sheet "${sheet.name}" is empty`, { help }));
  }
  const head = Array.from(top?.cells ?? [], (cell = "") => cell);
  while (head.at(-1)?.trim() === "") head.pop();
  const places = [...head.keys(), ...sheet.filled.filter((column) => column >= head.length)];
  if (places.length * body.length > workbookLimits.cells)
    return refuse(workbookTooLarge(`${body.length} rows of ${places.length} columns`));
  const source = sourceOf(`${file.path}[${sheet.name}]`, sheet.rows, places);
  const problems = new Problems(source);
  const span = ({ number }: SheetRow): Span => {
    const start = lineStart(source.text, number);
    return { source, start, end: lineEnd(source.text, start) };
  };
  if (top === undefined) {
    problems.add(0, 0, "empty-file", `sheet "${sheet.name}" is empty`, helpFor(sheet));
    return problems.result();
  }
  const columns = columnsOf(
    places.map((at) => head[at] ?? ""),
    () => span(top),
    problems,
    top.number,
  );
  if (body.length === 0) {
    const { start, end } = span(top);
    problems.add(start, end, "no-rows", `sheet "${sheet.name}" has a header and no rows`, helpFor(sheet));
  }
  if (problems.any) return problems.result();
  return {
    ok: true,
    value: {
      columns,
      rows: body.map(({ cells }) => places.map((at) => cells[at] ?? "")),
      source,
      get header() {
        return span(top);
      },
      span: (row) => span(body[row] as SheetRow),
    },
    warnings: [],
  };
}

/** Which other sheets may have the rows. */
const helpFor = ({ others }: Sheet): string | undefined =>
  others.length === 0 ? undefined : `name the sheet with the rows: sheet: ${others.slice(0, 20).join(", or sheet: ")}`;

/**
 * The columns of a sheet as text, one line for each row, as a source for errors: its line numbers are those of the
 * sheet. The text is made on first use, which is an error.
 */
function sourceOf(path: string, rows: readonly SheetRow[], places: readonly number[]): SourceText {
  let text: string | undefined;
  return {
    path,
    get text() {
      if (text !== undefined) return text;
      const lines: string[] = [];
      for (const { number, cells } of rows) {
        while (lines.length < number - 1) lines.push("");
        lines.push(places.map((at) => (cells[at] ?? "").replace(/[\t\r\n]+/g, " ")).join("\t"));
      }
      text = lines.join("\n");
      return text;
    },
  };
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
