import type { DataTable } from "../../data/data-table.ts";
import { splitLabels } from "../../data/labels/split.ts";
import { Problems } from "../../data/problems.ts";
import { readTable } from "../../data/table.ts";
import type { Diagnostic, Result } from "../../util/diagnostic.ts";
import { type FileCase, type Names, optionOf, otherName, readPredictions } from "./predictions.ts";

/** Reads a file of gold, predictions or both: JSON Lines, or a .csv, .tsv or .xlsx table by its columns. */
export async function readAnswers(path: string, bytes: Uint8Array, names: Names): Promise<Result<readonly FileCase[]>> {
  if (!/\.(csv|tsv|txt|xlsx)$/i.test(path)) return readPredictions(bytes, path, names);
  const table = await readTable({ path, bytes });
  if (!table.ok) return table;
  const read = fromTable(table.value, names);
  return read.ok ? { ...read, warnings: table.warnings } : read;
}

/** Whether `--gold` names a file and not a column. */
export function isFile(gold: string): boolean {
  return /\.(jsonl|ndjson|csv|tsv|txt|xlsx)$/i.test(gold);
}

function fromTable(table: DataTable, { id, sides, separator = ",", ...names }: Names): Result<readonly FileCase[]> {
  const problems = new Problems(table.source);
  const complain = (code: string, message: string, row: number | undefined, help: string | undefined): void => {
    const { start, end } = row === undefined ? table.header : table.span(row);
    problems.add(start, end, code, message, help);
  };
  const column = (name: string, option: string): number => {
    const at = table.columns.indexOf(name);
    const others = table.columns.filter((one) => one !== "");
    if (at < 0)
      complain("missing-column", `the table has no column "${name}"`, undefined, otherName(name, others, option));
    return at;
  };
  const idAt = column(id, optionOf("id", { sides }));
  const at = {
    gold: sides.includes("gold") ? column(names.gold, optionOf("gold", { sides })) : -1,
    pred: sides.includes("pred") ? column(names.pred, optionOf("pred", { sides })) : -1,
  };
  const groupAt = names.group === undefined ? undefined : column(names.group, "group");
  if (problems.any) return problems.result();
  const rowOf = new Map<string, number>();
  const cases = table.rows.map((cells, row): FileCase => {
    const cell = cells[idAt] as string;
    const name = cell.trim();
    const before = rowOf.get(name);
    if (name === "") complain("missing-id", "the row has no id", row, undefined);
    else if (before !== undefined)
      complain(
        "duplicate-id",
        `rows ${before + 1} and ${row + 1} have the same id "${name}"`,
        row,
        "keep one row for each case",
      );
    else rowOf.set(name, row);
    const labels = (side: "gold" | "pred"): readonly string[] => {
      const text = at[side] < 0 ? "" : (cells[at[side]] as string);
      if (/^\s*(nan|null|none|n\/a|#n\/a)\s*$/i.test(text)) {
        complain(
          "not-a-label",
          `"${names[side]}" is ${text.trim()}`,
          row,
          "leave the cell empty for a case without labels",
        );
      }
      return splitLabels(text, separator);
    };
    const group = groupAt === undefined ? undefined : (cells[groupAt] as string).trim();
    if (group === "") complain("missing-group", "the row has no group", row, "give each case a group");
    return { id: name, gold: labels("gold"), pred: labels("pred"), ...(group === undefined ? {} : { group }) };
  });
  return problems.any ? problems.result() : { ok: true, value: cases, warnings: [] };
}

/** The cases of a file, and its path for errors. */
export type Answers = { readonly path: string; readonly cases: readonly FileCase[] };

/** Gold and predictions of two files, joined by id. Every case must be in both files. */
export function joinAnswers(gold: Answers, predictions: Answers): Result<readonly FileCase[]> {
  const byId = new Map(predictions.cases.map((one) => [one.id, one]));
  const known = new Set(gold.cases.map(({ id }) => id));
  const missing = gold.cases.filter(({ id }) => !byId.has(id));
  const extra = predictions.cases.filter(({ id }) => !known.has(id));
  const wrong = (code: string, message: string, help: string): Diagnostic => ({
    severity: "error",
    code,
    message,
    span: { source: { path: predictions.path, text: "" }, start: 0, end: 0 },
    help,
  });
  const diagnostics = [
    ...(missing.length === 0
      ? []
      : [
          wrong(
            "missing-prediction",
            `${missing.length} of ${gold.cases.length} cases of ${gold.path} have no prediction: ${list(missing)}`,
            "add a line for each case; a list without labels is valid",
          ),
        ]),
    ...(extra.length === 0
      ? []
      : [
          wrong(
            "missing-gold",
            `${extra.length} of ${predictions.cases.length} predictions have no gold in ${gold.path}: ${list(extra)}`,
            "remove them, or use the file with their gold",
          ),
        ]),
  ];
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const value = gold.cases.map(({ id, gold: labels, group }) => ({
    ...(byId.get(id) as FileCase),
    ...{ id, gold: labels },
    ...(group === undefined ? {} : { group }),
  }));
  return { ok: true, value, warnings: [] };
}

function list(some: readonly FileCase[]): string {
  const shown = some.slice(0, 5).map(({ id }) => JSON.stringify(id));
  return `${shown.join(", ")}${some.length > 5 ? ", …" : ""}`;
}
