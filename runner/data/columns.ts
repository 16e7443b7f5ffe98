import type { Cell, DataTable } from "./data-table.ts";
import { asCell, parseJson } from "./json-value.ts";

/** Which columns hold what. Without `id` a case is named by its row number, from 1. */
export type Columns = {
  readonly id?: string | undefined;
  /** Absent if there are several. */
  readonly input?: string | undefined;
  /** Name in templates -> column, of several input columns. */
  readonly inputs?: Readonly<Record<string, string>> | undefined;
  /** Absent for rows without targets, and if there are several. */
  readonly target?: string | undefined;
  /** Name in the target -> column, of several target columns. */
  readonly targets?: Readonly<Record<string, string>> | undefined;
  readonly group?: string | undefined;
};

/** What a row of a data file is: cells, an instruction, or a conversation. */
export type RecordFormat = "table" | "alpaca" | "chat";

/**
 * The columns of a format with those that an experiment names. The target of a conversation is the last message of its
 * input, unless another column has it.
 */
export function columnsFor(format: RecordFormat, written: Partial<Columns>): Columns {
  if (format === "table") return written as Columns;
  if (format === "alpaca") {
    return { input: "instruction", ...(written.targets === undefined ? { target: "output" } : {}), ...written };
  }
  const { input = "messages", ...others } = written;
  return { target: input, ...others, input };
}

/** The columns that the input of a row is made of. */
export function inputColumns({ input, inputs }: Pick<Columns, "input" | "inputs">): readonly string[] {
  return inputs === undefined ? (input === undefined ? [] : [input]) : Object.values(inputs);
}

/** The columns that the target of a row is made of. */
export function targetColumns({ target, targets }: Pick<Columns, "target" | "targets">): readonly string[] {
  return targets === undefined ? (target === undefined ? [] : [target]) : Object.values(targets);
}

/** Each column that a study reads, by the key that names it: "input", "inputs.title". */
export function namedColumns({
  inputs = {},
  targets = {},
  ...columns
}: Columns): readonly (readonly [string, string])[] {
  return [
    ...Object.entries(columns).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ...Object.entries(inputs).map(([name, column]) => [`inputs.${name}`, column] as const),
    ...Object.entries(targets).map(([name, column]) => [`targets.${name}`, column] as const),
  ];
}

/** What to do with a first line that has empty cells: a title and empty cells are often above the column names. */
export const unnamedHelp = "the first line has cells without a name: remove the lines above the column names";

/** The column of a table that has a name, and the path within its cells: "output.labels" in the column "output". */
export function placeOf(
  name: string,
  columns: readonly string[],
): { readonly column: string; readonly path: readonly string[] } | undefined {
  const parts = name.split(".");
  for (let length = parts.length; length > 0; length--) {
    const column = parts.slice(0, length).join(".");
    if (column !== "" && columns.includes(column)) return { column, path: parts.slice(length) };
  }
  return undefined;
}

/** Reads the cells of a named column; undefined if the table has none, or if no cell has the path. */
export function cellsOf(
  { columns, rows }: Pick<DataTable, "columns" | "rows">,
  name: string,
): readonly Cell[] | undefined {
  const place = placeOf(name, columns);
  if (place === undefined) return undefined;
  const at = columns.indexOf(place.column);
  if (place.path.length === 0) return rows.map((row) => row[at] ?? "");
  const found = rows.map((row) => valueAt(row[at] ?? "", place.path));
  return found.every((value) => value === undefined) ? undefined : found.map(asCell);
}

function valueAt(cell: Cell, path: readonly string[]): unknown {
  let value: unknown = typeof cell === "string" ? jsonOf(cell) : cell;
  for (const key of path) {
    const isNested = typeof value === "object" && value !== null && Object.hasOwn(value, key);
    if (!isNested) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value ?? undefined;
}

/** The value of a cell with JSON; undefined for any other text. */
export function jsonOf(cell: string): unknown {
  if (!/^\s*[[{]/.test(cell)) return undefined;
  try {
    return parseJson(cell);
  } catch {
    return undefined;
  }
}
