import type { Diagnostic, Result } from "../util/diagnostic.ts";
import { createRandom } from "../util/random.ts";
import { suggestion } from "../util/suggest.ts";
import { distinct, splitLabels } from "./labels/split.ts";
import type { DataTable } from "./table.ts";

/** One case as its file gives it. */
export type Row = {
  readonly id: string;
  readonly input: string;
  /** The target cell as written. */
  readonly answer: string;
  /** Its labels in the raw view, in the order of the cell. */
  readonly gold: readonly string[];
};

/** Which columns hold what. Without `id` a case is named by its row number, from 1. */
export type Columns = { readonly id?: string | undefined; readonly input: string; readonly target: string };

/** How target cells become labels. */
export type LabelCells = { readonly separator: string; readonly task: "label_set" | "single_label" };

/** Takes the named columns of a table. Errors: a column that is not there, an empty id, an id twice. */
export function readRows(table: DataTable, columns: Columns, cells: LabelCells): Result<readonly Row[]> {
  const diagnostics: Diagnostic[] = [];
  const column = (key: keyof Columns): number => {
    const name = columns[key] as string;
    const at = table.columns.indexOf(name);
    if (at < 0) {
      const message = `no column "${name}", which data.columns.${key} names`;
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
  const target = column("target");
  if (diagnostics.length > 0) return { ok: false, diagnostics };

  const rowOf = new Map<string, number>();
  const complain = (row: number, code: string, message: string) =>
    diagnostics.push({
      severity: "error",
      code,
      message,
      span: table.span(row),
      help: "each case has an id of its own",
    });
  const rows = table.rows.map((row, index): Row => {
    const name = id === undefined ? String(index + 1) : text(row[id]).trim();
    const before = rowOf.get(name);
    if (diagnostics.length < 20) {
      if (name === "") complain(index, "missing-id", `row ${index + 1} has no id`);
      else if (before !== undefined)
        complain(index, "duplicate-id", `id "${name}" stands in rows ${before + 1} and ${index + 1}`);
    }
    if (before === undefined) rowOf.set(name, index);
    const cell = row[target] ?? "";
    const answer = typeof cell === "string" ? cell : cell.join(cells.separator);
    return { id: name, input: text(row[input]), answer, gold: goldOf(cell, cells) };
  });
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, value: rows, warnings: [] };
}

/** A seeded part of `limit` rows in the order of the file; all rows where there are no more. */
export function takePart<T>(rows: readonly T[], limit: number | undefined, seed: number): readonly T[] {
  if (limit === undefined || limit >= rows.length) return rows;
  const taken = createRandom(seed).shuffled(rows.keys()).slice(0, limit);
  return taken.sort((a, b) => a - b).map((index) => rows[index] as T);
}

function goldOf(cell: string | readonly string[], { separator, task }: LabelCells): string[] {
  if (typeof cell !== "string") return distinct(cell.map((label) => label.trim()));
  return splitLabels(cell, task === "single_label" ? "" : separator);
}

function text(cell: string | readonly string[] | undefined): string {
  return typeof cell === "string" ? cell : (cell ?? []).join(" ");
}
