import { parse } from "csv-parse/sync";
import type { Result, SourceText, Span } from "../util/diagnostic.ts";
import type { Cell, DataFile, DataTable } from "./data-table.ts";
import { decode } from "./decode.ts";
import { lineEnd } from "./lines.ts";
import { columnsOf, Problems } from "./problems.ts";

/** Reads a .csv, .tsv, .jsonl or .xlsx file; every ragged or broken row is an error at its place. */
export async function readTable(file: DataFile): Promise<Result<DataTable>> {
  const extension = /\.([^./\\]+)$/.exec(file.path)?.[1]?.toLowerCase() ?? "";
  if (extension === "xlsx") {
    const { readSheet } = await import("./xlsx/table.ts");
    return readSheet(file);
  }
  const { text, encoding } = decode(file.bytes);
  const source: SourceText = { path: file.path, text };
  const problems = new Problems(source);
  if (text.trim() === "") problems.add(0, 0, "empty-file", "the file is empty");
  else if (file.sheet !== undefined)
    problems.add(0, 0, "sheet", `"sheet: ${file.sheet}" is for .xlsx files`, 'remove "sheet"');
  if (encoding === "windows-1252")
    problems.warn("encoding", "the file is not UTF-8 and was read as Windows-1252", "save it as UTF-8");
  if (problems.any) return problems.result();
  if (extension === "jsonl" || extension === "ndjson") return readLines(source, problems);
  if (extension === "csv" || extension === "tsv" || extension === "txt")
    return readSeparated(source, extension === "tsv" ? ["\t"] : [",", ";", "\t", "|"], problems);
  problems.add(0, 0, "file-type", `no reader for "${file.path}"`, "use .csv, .tsv, .jsonl or .xlsx");
  return problems.result();
}

type CsvRecord = { readonly record: string[]; readonly info: { readonly bytes: number } };

function readSeparated(source: SourceText, separators: readonly string[], problems: Problems): Result<DataTable> {
  const bytes = Buffer.from(source.text);
  const offset = (byte: number) => bytes.subarray(0, byte).toString().length;
  const separator = sniff(source.text, separators);
  let records: CsvRecord[];
  try {
    records = parse(bytes, {
      delimiter: separator,
      // One file may mix line ends: what several programs have written to.
      record_delimiter: source.text.includes("\n") ? ["\r\n", "\n"] : ["\r"],
      info: true,
      skip_empty_lines: true,
      relax_column_count: true,
    }) as unknown as CsvRecord[];
  } catch (error) {
    const { message, code, bytes: read = 0 } = error as Error & { code?: string; bytes?: number };
    let start = offset(read);
    while (source.text[start] === "\n" || source.text[start] === "\r") start++;
    const help = code?.includes("QUOTE")
      ? 'a cell with quotes is written in quotes, with those inside doubled: "a 2"" tube"'
      : "check this line";
    problems.add(start, lineEnd(source.text, start), "broken-row", message.replace(/,? (at|in) line \d+/, ""), help);
    return problems.result();
  }
  const starts = Int32Array.from(records, (_, index) => {
    let start = index === 0 ? 0 : (records[index - 1] as CsvRecord).info.bytes;
    while (bytes[start] === 10 || bytes[start] === 13) start++;
    return start;
  });
  const span = (index: number): Span => {
    const start = offset(starts[index] as number);
    const end = offset((records[index] as CsvRecord).info.bytes);
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

function readLines(source: SourceText, problems: Problems): Result<DataTable> {
  const columns: string[] = [];
  const at = new Map<string, number>();
  const sparse: Cell[][] = [];
  const spans: { start: number; end: number }[] = [];
  for (let start = 0; start < source.text.length; ) {
    const end = lineEnd(source.text, start);
    const line = source.text.slice(start, end);
    if (line.trim() !== "") {
      const value = parseLine(line);
      if (typeof value === "string")
        problems.add(start, end, "broken-row", value, 'each line is one JSON object: {"id": "...", "input": "..."}');
      else {
        const row: Cell[] = [];
        for (const [key, cell] of value) {
          const column = at.get(key) ?? columns.push(key) - 1;
          at.set(key, column);
          row[column] = cell;
        }
        sparse.push(row);
        spans.push({ start, end });
      }
    }
    start = end + (source.text.startsWith("\r\n", end) ? 2 : 1);
  }
  if (problems.any) return problems.result();
  const rows = sparse.map((row) => Array.from(columns, (_, column) => row[column] ?? ""));
  const span = (row: number): Span => ({ source, ...(spans[row] as { start: number; end: number }) });
  return { ok: true, value: { columns, rows, source, header: span(0), span }, warnings: problems.warnings };
}

/** The cells of a line by column, or what is wrong with it. */
function parseLine(line: string): readonly (readonly [string, Cell])[] | string {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "the line is no JSON object";
    return Object.entries(value).map(([key, cell]) => [key, asCell(cell)]);
  } catch (error) {
    // The parser accepts any depth, and the writer of a cell does not.
    if (error instanceof RangeError) return "values are nested too deeply";
    return `not JSON: ${(error as Error).message}`;
  }
}

function asCell(value: unknown): Cell {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
