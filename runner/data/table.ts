import { parse } from "csv-parse/sync";
import type { Result, SourceText, Span } from "../util/diagnostic.ts";
import { integer } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import type { Cell, DataFile, DataTable } from "./data-table.ts";
import { decode } from "./decode.ts";
import { formatByContent, formatByName, formatHelp } from "./formats.ts";
import { gunzip } from "./gzip.ts";
import { lineEnd } from "./lines.ts";
import { columnsOf, Problems } from "./problems.ts";
import { tableLimits } from "./table-limits.ts";

/** Reads a data file; every ragged or broken row is an error at its place. A table beyond the limits is an error. */
export async function readTable(file: DataFile): Promise<Result<DataTable>> {
  const read = await readFormat(file);
  const reason = read.ok ? beyondLimits(read.value) : undefined;
  return reason === undefined ? read : refused(file, tableTooLarge(reason));
}

async function readFormat(given: DataFile): Promise<Result<DataTable>> {
  const found = formatByName(given.path);
  if (found === undefined) {
    return refused(
      given,
      new UserError("file-type", `no reader for "${given.path}"`, { help: formatHelp(given.path) }),
    );
  }
  const { format, isGzip } = found;
  let file = given;
  try {
    if (isGzip) file = { ...given, bytes: gunzip(given.bytes) };
  } catch (error) {
    if (error instanceof UserError) return refused(given, error);
    throw error;
  }
  if (format === "xlsx") {
    const { readSheet } = await import("./xlsx/table.ts");
    return readSheet(file);
  }
  const key = file.sheet !== undefined ? `sheet: ${file.sheet}` : `header_row: ${file.headerRow}`;
  if (file.sheet !== undefined || file.headerRow !== undefined) {
    const help = `remove "${key.split(":")[0]}"`;
    return refused(file, new UserError("sheet", `"${key}" is for .xlsx files`, { help }));
  }
  if (format === "parquet") {
    const { readParquet } = await import("./parquet.ts");
    return readParquet(file);
  }
  const content = formatByContent(file.bytes);
  if (content !== undefined) {
    const [other, ending] =
      content === "gzip" ? ["a gzip file", `.${format}.gz`] : [`a .${content} file`, `.${content}`];
    const message = `the content is that of ${other}, and the name ends in .${format}${isGzip ? ".gz" : ""}`;
    return refused(file, new UserError("broken-file", message, { help: `give the file the ending ${ending}` }));
  }
  const { text, encoding, contradicted } = decode(file.bytes);
  const source: SourceText = { path: file.path, text };
  const problems = new Problems(source);
  if (text.trim() === "") problems.add(0, 0, "empty-file", "the file is empty");
  else if (contradicted !== undefined)
    problems.add(
      0,
      0,
      "byte-order-mark",
      `the file starts with the byte-order mark of ${contradicted}, but its text is no ${contradicted}`,
      "save it as UTF-8",
    );
  else if (encoding === "windows-1252")
    problems.warn("encoding", "the file is not UTF-8 and was read as Windows-1252", "save it as UTF-8");
  if (problems.any) return problems.result();
  if (format === "jsonl" || format === "json") {
    const { readJson, readJsonLines } = await import("./json-table.ts");
    return format === "json" ? readJson(source, problems) : readJsonLines(source, problems);
  }
  return readSeparated(source, format === "tsv" ? ["\t"] : [",", ";", "\t", "|"], problems);
}

/** What a table has more of than `tableLimits` allow. */
function beyondLimits({ columns, rows }: DataTable): string | undefined {
  if (columns.length > tableLimits.columns) return `${integer(columns.length)} columns`;
  const isLong = (cell: Cell): boolean =>
    typeof cell === "string"
      ? cell.length > tableLimits.cell
      : cell.reduce((sum, { length }) => sum + length, 0) > tableLimits.cell;
  const long = rows.findIndex((row) => row.some(isLong));
  return long < 0 ? undefined : `a cell of more than ${integer(tableLimits.cell)} characters in row ${long + 1}`;
}

const tableTooLarge = (what: string): UserError =>
  new UserError("table-too-large", `the file has ${what}`, {
    help: "split the file, or remove columns that the study does not use",
  });

/**
 * Converts offsets in the UTF-8 bytes of a text to offsets in the text. A call with a larger offset than the one before
 * decodes only the bytes between them.
 */
function offsetsIn(bytes: Uint8Array, text: string): (byte: number) => number {
  if (bytes.length === text.length) return (byte) => byte;
  let [lastByte, lastOffset] = [0, 0];
  return (byte) => {
    if (byte < lastByte) [lastByte, lastOffset] = [0, 0];
    lastOffset += Buffer.from(bytes.buffer, bytes.byteOffset + lastByte, byte - lastByte).toString().length;
    lastByte = byte;
    return lastOffset;
  };
}

/** The error as one of the file. */
function refused({ path }: Pick<DataFile, "path">, { code, message, help }: UserError): Result<never> {
  const problems = new Problems({ path, text: "" });
  problems.add(0, 0, code, message, help);
  return problems.result();
}

/** A record and the offset of its end. Bytes */
type CsvRecord = { readonly record: string[]; readonly end: number };

function readSeparated(source: SourceText, separators: readonly string[], problems: Problems): Result<DataTable> {
  const bytes = Buffer.from(source.text);
  const offset = offsetsIn(bytes, source.text);
  const separator = sniff(source.text, separators);
  let records: CsvRecord[];
  let cells = 0;
  try {
    records = parse(bytes, {
      delimiter: separator,
      // One file may mix line ends: what several programs have written to.
      record_delimiter: source.text.includes("\n") ? ["\r\n", "\n"] : ["\r"],
      info: true,
      skip_empty_lines: true,
      relax_column_count: true,
      max_record_size: 4 * tableLimits.cell,
      // Without the rest of the information about a record, which needs more memory than the record.
      on_record: (one) => {
        const { record, info } = one as unknown as { record: string[]; info: { bytes: number } };
        cells += record.length;
        if (cells > tableLimits.cells) throw tableTooLarge(`more than ${integer(tableLimits.cells)} cells`);
        return { record, end: info.bytes } as unknown as string[];
      },
    }) as unknown as CsvRecord[];
  } catch (error) {
    if (error instanceof UserError) return refused(source, error);
    const { message, code, bytes: read = 0 } = error as Error & { code?: string; bytes?: number };
    let start = offset(read);
    while (source.text[start] === "\n" || source.text[start] === "\r") start++;
    if (code === "CSV_MAX_RECORD_SIZE")
      return refused(source, tableTooLarge(`a row of more than ${integer(4 * tableLimits.cell)} characters`));
    const help = code?.includes("QUOTE")
      ? 'a cell with quotes is written in quotes, with those inside doubled: "a 2"" tube"'
      : "check this line";
    problems.add(start, lineEnd(source.text, start), "broken-row", message.replace(/,? (at|in) line \d+/, ""), help);
    return problems.result();
  }
  const starts = Int32Array.from(records, (_, index) => {
    let start = index === 0 ? 0 : (records[index - 1] as CsvRecord).end;
    while (bytes[start] === 10 || bytes[start] === 13) start++;
    return start;
  });
  const span = (index: number): Span => {
    const start = offset(starts[index] as number);
    const end = offset((records[index] as CsvRecord).end);
    return { source, start, end: Math.max(start, start + source.text.slice(start, end).trimEnd().length) };
  };
  const [head, ...body] = records.map(({ record }) => record);
  const header = span(0);
  const columns = columnsOf(head ?? [], () => header, problems);
  for (const [row, cells] of body.entries()) {
    if (cells.length === columns.length) continue;
    const { start, end } = span(row + 1);
    const name = separator === "\t" ? "tab" : `"${separator}"`;
    problems.add(
      start,
      end,
      "ragged-row",
      `the row has ${cells.length} cells and the header ${columns.length}`,
      `a cell that holds the separator ${name} or a line break is written in quotes`,
    );
  }
  if (!problems.any && body.length === 0)
    problems.add(header.start, header.end, "no-rows", "the file has a header and no rows");
  if (problems.any) return problems.result();
  return {
    ok: true,
    value: { columns, rows: body, source, header, span: (row) => span(row + 1) },
    warnings: problems.warnings,
  };
}

/** The separator that gives the header the most columns; the first of equals. */
function sniff(text: string, separators: readonly string[]): string {
  let best = separators[0] as string;
  let most = 0;
  for (const separator of separators) {
    let columns = 0;
    try {
      const head = parse(text.slice(0, 65_536), { delimiter: separator, to: 1, skip_empty_lines: true }) as string[][];
      columns = head[0]?.length ?? 0;
    } catch {}
    if (columns > most) {
      best = separator;
      most = columns;
    }
  }
  return best;
}
