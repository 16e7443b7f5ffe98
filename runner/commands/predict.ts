import { lstatSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, extname, relative, resolve } from "node:path";
import { type Columns, inputColumns, type RecordFormat } from "../data/columns.ts";
import type { Cell, DataFile, DataTable } from "../data/data-table.ts";
import { writeLabel } from "../data/labels/split.ts";
import { readRows } from "../data/rows.ts";
import { betweenLabels } from "../data/target.ts";
import { openAnsweringRun, type Prediction, type Predictions, predict } from "../orchestration/predict.ts";
import { openProject } from "../project/project.ts";
import { findRun } from "../runs/finished-runs.ts";
import { chooseReporter } from "../terminal/choose-reporter.ts";
import { csv } from "../terminal/csv.ts";
import { formatDiagnostic } from "../util/code-frame.ts";
import type { Context } from "../util/context.ts";
import type { Diagnostic, Result } from "../util/diagnostic.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import { draftOf, writeFileAtomic } from "../util/write-file.ts";
import { defineCommand, flag, integer, optional, required, value } from "./command.ts";
import { trust } from "./common-options.ts";
import { readGivenTable } from "./given-file.ts";

/** Answers rows without labels. Nothing is scored, so no entry is made in the ledger. */
export const command = defineCommand({
  arguments: {
    run: required("run", "A finished run whose engine uses a model."),
    file: optional(
      "file",
      "New rows, in a format of data.train.file, or a quoted glob. A column of labels is not read.",
    ),
  },
  options: {
    text: value("text", "Answer this input, in place of the rows of FILE."),
    out: value("file", "Write this .csv, .jsonl or .xlsx file.", { default: "JSON lines on stdout" }),
    id: value("column", "Read the name of a row from this column.", { default: "data.columns.id" }),
    input: value("column", "Read the input from this column.", { default: "data.columns.input" }),
    sheet: value("name", "Read this sheet of an .xlsx file.", { default: "the first" }),
    headerRow: integer("n", "Read the column names from this row of the sheet.", { min: 1 }),
    keep: flag("Copy the other columns of FILE to the output."),
    force: flag("Replace the file of --out."),
    trust,
  },
  async run({ run: name, file, text, out, force, keep, sheet, headerRow, trust, ...chosen }, context) {
    const unused = keep || [sheet, headerRow, chosen.id, chosen.input].some((option) => option !== undefined);
    if ((file === undefined) === (text === undefined) || (text !== undefined && unused)) throw badRows();
    const target = out === undefined ? undefined : outputOf(out, { file, force }, context);
    const project = await openProject(context.cwd, context, "read");
    const found = findRun(name, project.artifacts, context.cwd);
    const answering = openAnsweringRun(found, project, { trust }, context);
    const { columns, format } = answering.experiment.data;
    const { input, inputs } = chosen.input === undefined ? columns : { input: chosen.input };
    const names = { id: chosen.id ?? columns.id, input, inputs };
    const place = { sheet, headerRow, format, names };
    const { table, rows } =
      file === undefined ? await readText(text ?? "", names, context) : await readNewRows(file, place, context);
    if (found.manifest.smoke) context.err("warning: this is a smoke run, whose model is hardly trained\n");

    // Predictions without --out are on stdout, so progress is on stderr.
    const screen = target === undefined ? { ...context, tty: false, out: context.err } : context;
    const reporter = chooseReporter({ json: false, quiet: false }, screen);
    const kept = keep ? keptColumns(table, names) : [];
    const write = async ({ all: predictions, separator }: Predictions): Promise<void> => {
      await reporter.close();
      const all = predictions.map((one, at) => ({ ...one, kept: kept.map((column) => column.cell(at)) }));
      const output = { kept: kept.map((column) => column.name), all, separator };
      if (target === undefined) context.out(linesText(output));
      else {
        // Another program may have made the file meanwhile. The answers are kept for the next call.
        expectFree(target, { out, force });
        await writeOutput(target, output);
      }
      const failures = predictions.filter(({ parsed }) => !parsed).length;
      const where = target === undefined ? "" : `wrote ${relative(context.cwd, target)}: `;
      const count = `${plural(predictions.length, "row")}, ${plural(failures, "answer")} not parsed`;
      (target === undefined ? context.err : context.out)(`${where}${count}\n`);
    };
    try {
      return await predict(answering, rows, { project, reporter }, write, context);
    } finally {
      await reporter.close();
      project.store.close();
    }
  },
});

function badRows(): UserError {
  const help = "--keep, --id, --input, --sheet and --header-row belong to FILE";
  return new UserError("bad-option", "name a FILE with rows, or one input as --text", { help, status: "invalid" });
}

const formats = [".csv", ".jsonl", ".xlsx"];

/** The path of --out. Throws UserError before anything is computed. */
function outputOf(
  out: string,
  { file, force }: { readonly file: string | undefined; readonly force: boolean },
  { cwd }: Context,
) {
  const path = resolve(cwd, out);
  const invalid = (code: string, message: string, help: string): UserError =>
    new UserError(code, message, { help, status: "invalid" });
  if (!formats.includes(extname(path).toLowerCase()))
    throw invalid("bad-option", `--out ${out} has no known extension`, `use one of ${formats.join(", ")}`);
  if (file !== undefined && path === resolve(cwd, file))
    throw invalid("bad-option", `--out ${out} is the file with the rows`, "name another file");
  if (statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory() !== true)
    throw invalid("bad-option", `the folder of --out ${out} does not exist`, "make the folder first");
  expectFree(path, { out, force });
  return path;
}

/** Throws UserError `file-exists` if a path is taken by anything but a file that --force may replace. */
function expectFree(path: string, { out, force }: { readonly out: string | undefined; readonly force: boolean }): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  if (force && statSync(path, { throwIfNoEntry: false })?.isFile() !== false) return;
  const help = "name another file; --force replaces a file";
  throw new UserError("file-exists", `${out} exists already`, { help, status: "invalid" });
}

type Names = Pick<Columns, "id" | "input" | "inputs">;

/** Reads the rows of FILE. Throws UserError `invalid-rows` with each problem at its place. */
async function readNewRows(
  file: string,
  {
    names,
    format,
    ...place
  }: Pick<DataFile, "sheet" | "headerRow"> & { readonly names: Names; readonly format: RecordFormat | undefined },
  context: Context,
) {
  const table = rowsOf(await readGivenTable(file, place, context), context);
  return rowsOfTable(table, { names, format }, context);
}

/** The row of --text. Throws UserError if the inputs of the run consist of several columns. */
async function readText(text: string, { inputs }: Names, context: Context) {
  if (inputs !== undefined) {
    const message = "--text is one input, and the prompts of the run have several";
    throw new UserError("bad-option", message, { help: "name a file with these columns", status: "invalid" });
  }
  const { readTables } = await import("../data/tables.ts");
  const row = Buffer.from(JSON.stringify({ input: text }));
  const table = rowsOf(await readTables({ paths: ["--text.jsonl"], read: () => row }), context);
  return rowsOfTable(
    table,
    { names: { id: undefined, input: "input", inputs: undefined }, format: undefined },
    context,
  );
}

/** The rows of a table. Throws UserError `invalid-rows`. */
function rowsOfTable(
  table: DataTable,
  { names, format }: { readonly names: Names; readonly format: RecordFormat | undefined },
  context: Context,
) {
  const read = readRows(table, names, () => ({ text: "", target: undefined }), { format });
  const rows = rowsOf(read.ok ? read : { ok: false, diagnostics: read.diagnostics.map(withOption) }, context);
  const diagnostics = rows.flatMap(({ id, input }, at): readonly Diagnostic[] => {
    if (input.trim() !== "") return [];
    const message = `${table.rowName?.(at) ?? `row ${at + 1}`} (${id}) has no text in ${inputColumns(names).join(", ")}`;
    const help = "remove the row, or write its text";
    return [{ severity: "error", code: "empty-input", message, span: table.span(at), help }];
  });
  if (diagnostics.length > 0) throw invalidRows(diagnostics.slice(0, mostShown));
  return { table, rows: rows.map(({ id, input, fields, turns }) => ({ id, input, fields, turns })) };
}

const mostShown = 20;

/** The error about a missing column names the option that selects another one. */
function withOption(diagnostic: Diagnostic): Diagnostic {
  const option = /\(data\.columns\.(id|input)\)/.exec(diagnostic.message)?.[1];
  if (diagnostic.code !== "missing-column" || option === undefined) return diagnostic;
  return { ...diagnostic, help: `${diagnostic.help ?? ""}; --${option} names another column`.replace(/^; /, "") };
}

function rowsOf<T>(result: Result<T>, context: Context): T {
  if (!result.ok) throw invalidRows(result.diagnostics);
  for (const warning of result.warnings) context.err(`${formatDiagnostic(warning, { color: context.color })}\n`);
  return result.value;
}

function invalidRows(diagnostics: readonly Diagnostic[]): UserError {
  const message = diagnostics.map(({ message }) => message).join("; ");
  return new UserError("invalid-rows", message, { status: "invalid", diagnostics });
}

const ownColumns = ["id", "answer", "prediction", "parsed", "notes", "confidence"];

/** The columns of FILE that --keep copies. One with the name of an output column gets the prefix `input_`. */
function keptColumns({ columns, rows }: DataTable, { id }: Names) {
  const taken = new Set([...ownColumns, ...columns]);
  return [...columns.entries()].flatMap(([at, column]) => {
    if (column === "" || column === id) return [];
    let name = column;
    while (ownColumns.includes(name) || (name !== column && taken.has(name))) name = `input_${name}`;
    return [{ name, cell: (row: number): Cell => rows[row]?.[at] ?? "" }];
  });
}

/** What is written: the predictions and the cells of the kept columns. */
type Output = {
  readonly kept: readonly string[];
  readonly all: readonly (Prediction & { readonly kept: readonly Cell[] })[];
  readonly separator: string | undefined;
};

function linesText({ kept, all }: Output): string {
  const lines = all.map(({ id, kept: cells, ...rest }) => {
    const copied = Object.fromEntries(kept.map((name, at) => [name, cells[at]]));
    return `${JSON.stringify({ id, ...copied, ...rest })}\n`;
  });
  return lines.join("");
}

/** The rows of a table, below its header. `confidence` is a column if an answer has one. */
function tableOf({ kept, all, separator }: Output) {
  const hasConfidence = all.some(({ confidence }) => confidence !== undefined);
  const columns = ownColumns.filter((name) => name !== "confidence" || hasConfidence);
  const listed = (value: unknown): string => {
    if (typeof value === "string") return value;
    // The prediction of an answer that could not be read.
    if (value === null) return "";
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) return JSON.stringify(value) ?? "";
    if (separator === undefined) return value.join("; ");
    return value.map((label) => writeLabel(label, separator)).join(betweenLabels(separator));
  };
  const rows = all.map(({ id, answer, prediction, parsed, notes, confidence, kept: cells }) => [
    id,
    ...cells.map((cell) => (typeof cell === "string" ? cell : cell.join(" "))),
    ...[answer, listed(prediction), String(parsed), notes.join(" ")],
    ...(hasConfidence ? [confidence] : []),
  ]);
  const [first = "", ...others] = columns;
  return { columns: [first, ...kept, ...others], rows };
}

async function writeOutput(path: string, output: Output): Promise<void> {
  const extension = extname(path).toLowerCase();
  if (extension === ".jsonl") return writeFileAtomic(path, linesText(output));
  const { columns, rows } = tableOf(output);
  if (extension === ".csv") {
    const cell = (value: string | number | undefined): string => (value === undefined ? "" : String(value));
    return writeFileAtomic(path, csv([columns, ...rows.map((row) => row.map(cell))]));
  }
  const { writePredictionSheet } = await import("../reporting/render/xlsx/prediction-sheet.ts");
  const draft = draftOf(path);
  try {
    await writePredictionSheet(draft, columns, rows);
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
}
