import type { Diagnostic, Result } from "../util/diagnostic.ts";
import { suggestion } from "../util/suggest.ts";
import type { Cell, DataTable } from "./data-table.ts";

/** One case, read from a data file. `T` is what the task reads from the target cell: labels, for label tasks. */
export type Row<T = readonly string[]> = {
  readonly id: string;
  readonly input: string;
  /** The target cell as written. */
  readonly answer: string;
  /** The target that the task reads from the cell. Labels are in the raw view and in the order of the cell. */
  readonly gold: T;
  /** The patient, site or document that the case belongs to; absent without `data.columns.group`. */
  readonly group?: string | undefined;
  /** Column -> value of the columns that subgroups are made by; absent if none are read. */
  readonly subgroups?: Readonly<Record<string, string>> | undefined;
};

/** Which columns hold what. Without `id` a case is named by its row number, from 1. Rows without target have no `target`. */
export type Columns = {
  readonly id?: string | undefined;
  readonly input: string;
  readonly target?: string | undefined;
  readonly group?: string | undefined;
};

/** Reads a target cell: its text, the target in it, and what is wrong with it. */
type ReadCell<T> = (cell: Cell) => { readonly text: string; readonly target: T; readonly problem?: string };

/** Reads rows from the named columns of a table. Errors: a missing column, an empty id or group, a duplicate id. */
export function readRows<T>(
  table: DataTable,
  columns: Columns,
  readCell: ReadCell<T>,
  subgroups: readonly string[] = [],
): Result<readonly Row<T>[]> {
  const diagnostics: Diagnostic[] = [];
  const column = (key: keyof Columns): number => columnNamed(columns[key] as string, `data.columns.${key}`);
  const columnNamed = (name: string, key: string): number => {
    const at = table.columns.indexOf(name);
    if (at < 0) {
      const message = `the file has no column "${name}" (${key})`;
      const help =
        suggestion(
          name,
          table.columns.filter((one) => one !== ""),
          "its columns",
        ) ?? "it has no columns";
      diagnostics.push({ severity: "error", code: "missing-column", message, span: table.header, help });
    }
    return at;
  };
  const id = columns.id === undefined ? undefined : column("id");
  const input = column("input");
  const target = columns.target === undefined ? undefined : column("target");
  const groupAt = columns.group === undefined ? undefined : column("group");
  const subgroupsAt = subgroups.map((name) => [name, columnNamed(name, "evaluate.subgroups")] as const);
  if (diagnostics.length > 0) return { ok: false, diagnostics };

  const rowOf = new Map<string, number>();
  const complain = (row: number, code: string, message: string, help = "give each case a unique id") =>
    diagnostics.push({ severity: "error", code, message, span: table.span(row), help });
  const rows = table.rows.map((row, index): Row<T> => {
    const name = id === undefined ? String(index + 1) : text(row[id]).trim();
    const before = rowOf.get(name);
    if (diagnostics.length < 20) {
      if (name === "") complain(index, "missing-id", `row ${index + 1} has no id`);
      else if (before !== undefined)
        complain(index, "duplicate-id", `rows ${before + 1} and ${index + 1} have the same id "${name}"`);
    }
    if (before === undefined) rowOf.set(name, index);
    const group = groupAt === undefined ? undefined : text(row[groupAt]).trim();
    if (group === "" && diagnostics.length < 20) {
      const help = "name the group of each case; a case that belongs to no other is a group of its own";
      complain(index, "missing-group", `row ${index + 1} has no group (data.columns.group)`, help);
    }
    const cell = readCell((target === undefined ? undefined : row[target]) ?? "");
    if (cell.problem !== undefined && diagnostics.length < 20) {
      const help = "write a text, or a list of texts and numbers";
      complain(index, "broken-target", `row ${index + 1}: ${cell.problem} (data.columns.target)`, help);
    }
    const read = { id: name, input: text(row[input]), answer: cell.text, gold: cell.target };
    const values = subgroupsAt.map(([name, at]) => [name, text(row[at]).trim()] as const);
    return {
      ...read,
      ...(group === undefined ? {} : { group }),
      ...(values.length === 0 ? {} : { subgroups: Object.fromEntries(values) }),
    };
  });
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, value: rows, warnings: [] };
}

function text(cell: string | readonly string[] | undefined): string {
  return typeof cell === "string" ? cell : (cell ?? []).join(" ");
}
