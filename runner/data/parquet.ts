import { type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from "hyparquet";
import type { Result, SourceText, Span } from "../util/diagnostic.ts";
import { UserError } from "../util/user-error.ts";
import type { Cell, DataFile, DataTable } from "./data-table.ts";
import { asCell } from "./json-value.ts";
import { lineEnd, lineStart } from "./lines.ts";
import { decodeParquet, type ParquetRecord } from "./parquet-process.ts";
import { exactMetadata, exactValue } from "./parquet-values.ts";
import { Problems } from "./problems.ts";
import { tableLimits } from "./table-limits.ts";

/** Reads a .parquet file as a table. Structures and lists of them are cells with their JSON. */
export async function readParquet(file: DataFile): Promise<Result<DataTable>> {
  let records: readonly ParquetRecord[];
  try {
    records = await recordsOf(file.bytes);
  } catch (error) {
    const problems = new Problems({ path: file.path, text: "" });
    const known =
      error instanceof UserError
        ? error
        : new UserError("broken-file", `the .parquet file cannot be read: ${(error as Error).message}`, {
            help: "write it again, or as .jsonl",
          });
    problems.add(0, 0, known.code, known.message, known.help);
    return problems.result();
  }
  const columns = Object.keys(records[0] ?? {});
  let characters = 0;
  const rows = records.map((record) =>
    columns.map((column): Cell => {
      const cell = asCell(record[column]);
      characters += typeof cell === "string" ? cell.length : cell.reduce((sum, { length }) => sum + length, 0);
      return cell;
    }),
  );
  // Rows may share the text of a cell, so the text of all rows is not made here.
  const problems = new Problems({ path: file.path, text: "" });
  if (rows.length === 0) problems.add(0, 0, "no-rows", "the file has no rows");
  if (characters > tableLimits.characters)
    problems.add(0, 0, "table-too-large", `the file has more than ${tableLimits.characters} characters`, smaller);
  if (problems.any) return problems.result();
  const source = sourceOf(file.path, columns, rows);
  const span = (row: number): Span => {
    const start = lineStart(source.text, row + 1);
    return { source, start, end: lineEnd(source.text, start) };
  };
  return {
    ok: true,
    value: {
      columns,
      rows,
      source,
      get header() {
        return { source, start: 0, end: 0 };
      },
      span,
    },
    warnings: [],
  };
}

const smaller = "split the file, or remove columns that the study does not use";

async function recordsOf(bytes: Uint8Array): Promise<readonly ParquetRecord[]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const metadata = parquetMetadata(file);
  const chunks = metadata.row_groups.flatMap(({ columns }) => columns.flatMap(({ meta_data: one }) => one ?? []));
  const total = (of: (chunk: (typeof chunks)[number]) => bigint): number =>
    chunks.reduce((sum, chunk) => sum + Number(of(chunk)), 0);
  // A value of a list counts as well. Each of the numbers is a claim of the file: no value may be negative.
  const values = Math.max(
    total(({ num_values }) => num_values),
    Number(metadata.num_rows) * new Set(chunks.map(({ path_in_schema: [first] }) => first)).size,
  );
  if (!(values >= 0 && values <= tableLimits.cells))
    throw new UserError("table-too-large", `the file has ${values} values`, { help: smaller });
  const size = total(({ total_uncompressed_size }) => total_uncompressed_size);
  if (!(size >= 0 && size <= tableLimits.bytes))
    throw new UserError("table-too-large", `the file has ${Math.round(size / 1e6)} MB unpacked`, { help: smaller });
  expectOwnColumns(metadata);
  expectUsualDecimals(metadata);
  const read = await decodeParquet(bytes, exactMetadata(metadata));
  const columns = new Map(parquetSchema(metadata).children.map((child) => [child.element.name, child]));
  return read.map((record) =>
    Object.fromEntries(
      Object.entries(record).map(([name, value]) => [name, exactValue(value, columns.get(name) as SchemaTree)]),
    ),
  );
}

/**
 * Throws unless each row group has the columns of the schema once. The library reads all columns at the same time and
 * does not wait for those that the schema lacks: an error in one of them would end the decoding process.
 */
function expectOwnColumns(metadata: FileMetaData): void {
  const leaves = (node: ReturnType<typeof parquetSchema>): readonly string[] =>
    node.children.length === 0 ? [JSON.stringify(node.path)] : node.children.flatMap(leaves);
  const expected = parquetSchema(metadata).children.flatMap(leaves).sort().join("\n");
  for (const { columns } of metadata.row_groups) {
    const found = columns.map(({ meta_data: one }) => JSON.stringify(one?.path_in_schema));
    if (found.sort().join("\n") !== expected) throw new Error("a row group has other columns than the schema");
  }
}

/** Most digits after the point of a decimal. Writers of parquet files have at most 76 digits. */
const largestScale = 1000;

/** Throws for a decimal whose text would have more digits than a file can: the scale is a claim of the file. */
function expectUsualDecimals({ schema }: FileMetaData): void {
  for (const { name, scale = 0 } of schema)
    if (!(scale >= 0 && scale <= largestScale)) throw new Error(`the decimals of ${name} have the scale ${scale}`);
}

/** The rows as JSON lines, as a source for errors. The text is made on first use, which is an error. */
function sourceOf(path: string, columns: readonly string[], rows: readonly (readonly Cell[])[]): SourceText {
  let text: string | undefined;
  return {
    path,
    get text() {
      text ??= rows
        .map((row) => JSON.stringify(Object.fromEntries(columns.map((name, at) => [name, row[at] ?? ""]))))
        .join("\n");
      return text;
    },
  };
}
