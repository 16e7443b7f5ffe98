import { basename } from "node:path";
import type { Diagnostic, Result } from "../util/diagnostic.ts";
import { UserError } from "../util/user-error.ts";
import type { Cell, DataTable } from "./data-table.ts";
import { readTable } from "./table.ts";
import { tableLimits } from "./table-limits.ts";

/** The files of one part of the data, in the order of their rows. `read` gives the bytes of one. */
export type DataFiles = {
  readonly paths: readonly string[];
  read(path: string): Uint8Array;
  readonly sheet?: string | undefined;
  readonly headerRow?: number | undefined;
};

/**
 * Reads files as one table. All must have the columns of the first, in any order. A row of several files is named by its file:
 * "row 3 of part-2.csv". The limits of a table hold for all of them together.
 */
export async function readTables({ paths, read, ...place }: DataFiles): Promise<Result<DataTable>> {
  const [only = "", ...others] = paths;
  if (others.length === 0) return readTable({ path: only, bytes: read(only), ...place });
  const tables: Part[] = [];
  const warnings: Diagnostic[] = [];
  const wrong: Diagnostic[] = [];
  let bytes = 0;
  let cells = 0;
  for (const path of paths) {
    const file = { path, bytes: read(path), ...place };
    bytes += file.bytes.length;
    if (bytes > tableLimits.bytes) throw tooLarge(`more than ${tableLimits.bytes / 1e6} MB`);
    const result = await readTable(file);
    if (!result.ok) {
      for (const one of result.diagnostics) wrong.push(one);
      continue;
    }
    for (const one of result.warnings) warnings.push(one);
    const table = result.value;
    const other = tables[0] && otherColumns(tables[0], { path, table });
    if (other !== undefined) {
      wrong.push(other);
      continue;
    }
    cells += table.rows.length * table.columns.length;
    if (cells > tableLimits.cells) throw tooLarge(`more than ${tableLimits.cells} cells`);
    tables.push({ path, table });
  }
  if (wrong.length > 0) return { ok: false, diagnostics: wrong.slice(0, 20) };
  return { ok: true, value: joined(tables), warnings };
}

type Part = { readonly path: string; readonly table: DataTable };

function tooLarge(what: string): UserError {
  return new UserError("table-too-large", `the files have ${what} together`, {
    help: "name fewer files, or remove columns that the study does not use",
    status: "invalid",
  });
}

/** An error if a table has other columns than the first one. */
function otherColumns(first: Part, { path, table }: Part): Diagnostic | undefined {
  const lacks = first.table.columns.filter((name) => !table.columns.includes(name));
  const has = table.columns.filter((name) => !first.table.columns.includes(name));
  if (lacks.length === 0 && has.length === 0) return undefined;
  const named = (names: readonly string[]): string =>
    `${names
      .slice(0, 5)
      .map((name) => `"${name}"`)
      .join(", ")}${names.length > 5 ? ", …" : ""}`;
  const what = [
    ...(lacks.length === 0 ? [] : [`lacks ${named(lacks)}`]),
    ...(has.length === 0 ? [] : [`has ${named(has)} in addition`]),
  ];
  const message = `${basename(path)} has other columns than ${basename(first.path)}: it ${what.join(", and ")}`;
  const help = "write the same columns in each file, or name only files that have them";
  return { severity: "error", code: "other-columns", message, span: table.header, help };
}

function joined(parts: readonly Part[]): DataTable {
  const [{ table: first }] = parts as readonly [Part, ...Part[]];
  const { columns } = first;
  const rows: (readonly Cell[])[] = [];
  /** The number of the first row of each file. */
  const starts: number[] = [];
  for (const { table } of parts) {
    starts.push(rows.length);
    const order = columns.map((name) => table.columns.indexOf(name));
    const isSame = order.every((at, index) => at === index);
    for (const row of table.rows) rows.push(isSame ? row : order.map((at) => row[at] ?? ""));
  }
  const within = (row: number): { readonly part: Part; readonly row: number } => {
    const at = starts.findLastIndex((start) => start <= row);
    return { part: parts[at] as Part, row: row - (starts[at] as number) };
  };
  return {
    columns,
    rows,
    source: first.source,
    header: first.header,
    span(row) {
      const { part, row: own } = within(row);
      return part.table.span(own);
    },
    rowName(row) {
      const { part, row: own } = within(row);
      return `row ${own + 1} of ${basename(part.path)}`;
    },
  };
}
