import { basename } from "node:path";
import { parseGroups, parseSynonyms } from "../../data/labels/synonyms.ts";
import type { Result, SourceText } from "../../util/diagnostic.ts";
import { suggestion } from "../../util/suggest.ts";
import { sourceText } from "../source.ts";
import { type Header, headerBytes, headerOf } from "../table-header.ts";
import type { CheckContext } from "./context.ts";

const formats = [".csv", ".tsv", ".jsonl", ".xlsx", ".ndjson", ".txt"];

/** Files that are there, columns that are in them, and one way to get validation rows. */
export function checkData(context: CheckContext): void {
  const { data } = context.experiment;
  const { validation } = data;
  checkTable(context, "data.train", data.train);
  if (data.test !== undefined) checkTable(context, "data.test", data.test);
  if (validation !== undefined) {
    const ways = (["fraction", "file", "folds"] as const).filter((key) => validation[key] !== undefined);
    if (ways.length !== 1) {
      const message = ways.length === 0 ? "validation says no way to get rows" : `validation has ${ways.join(" and ")}`;
      context.error("data.validation:", "exactly-one", message, "keep one of fraction, file, folds");
    }
    if (validation.fold !== undefined) checkFold(context, validation.fold, validation.folds);
    if (validation.file !== undefined) checkTable(context, "data.validation", { ...validation, file: validation.file });
    else if (validation.sheet !== undefined || validation.limit !== undefined) {
      const key = validation.sheet === undefined ? "limit" : "sheet";
      context.error(`data.validation.${key}:`, "needs-file", `${key} belongs to a validation file`, "take it out");
    }
  }
  checkDuplicates(context);
  data.accept.forEach((code, index) => {
    if (context.auditCodes?.includes(code) ?? true) return;
    const help = suggestion(code, context.auditCodes ?? [], "codes");
    context.error(`data.accept.${index}`, "not-one-of", `the data audit has no code "${code}"`, help);
  });
  checkLabelFile(context, "data.labels.synonyms", data.labels?.synonyms, parseSynonyms);
  checkLabelFile(context, "data.labels.groups", data.labels?.groups, parseGroups);
}

function checkFold(context: CheckContext, fold: number, folds: number | undefined): void {
  if (folds === undefined) {
    const help = "write folds: 5 beside it, or take it out";
    context.error("data.validation.fold:", "needs-file", "fold is one of data.validation.folds", help);
  } else if (fold > folds) {
    context.error("data.validation.fold", "out-of-range", `data.validation.fold must be at most ${folds}`, undefined);
  }
}

/** An error unless the path is a file. */
export function needFile(context: CheckContext, path: string, file: string): boolean {
  const kind = context.files.kind(file);
  if (kind === "file") return true;
  const message =
    kind === "folder"
      ? `${context.display(file)} is a folder, not a file`
      : `there is no file ${context.display(file)}`;
  context.error(path, "missing-file", message, "paths are relative to the YAML file that names them");
  return false;
}

type Parse = (source: SourceText) => Result<unknown>;

/** A synonym or groups file is read here, so that what is wrong in it is said before anything runs. */
function checkLabelFile(context: CheckContext, path: string, file: string | undefined, parse: Parse): void {
  if (file === undefined || !needFile(context, path, file)) return;
  const bytes = context.files.read(file);
  if (bytes === undefined) return;
  const known = readLabelFiles.get(bytes);
  const source = sourceText(context.display(file), bytes);
  const result = known ?? (source.ok ? parse(source.value) : source);
  readLabelFiles.set(bytes, result);
  context.add(result.ok ? result.warnings : result.diagnostics);
}

/** What was found in a file, by its bytes: all points of a sweep name the same one. */
const readLabelFiles = new WeakMap<Uint8Array, Result<unknown>>();

function checkTable(
  context: CheckContext,
  path: string,
  { file, sheet }: { readonly file: string; readonly sheet?: string },
): void {
  const extension = formats.find((one) => file.toLowerCase().endsWith(one));
  if (extension === undefined) {
    context.error(
      `${path}.file`,
      "bad-format",
      `${basename(file)} is no data file`,
      `use one of ${formats.slice(0, 4).join(", ")}`,
    );
    return;
  }
  if (sheet !== undefined && extension !== ".xlsx") {
    context.error(`${path}.sheet:`, "needs-file", `only an .xlsx file has sheets`, "take it out");
  }
  if (!needFile(context, `${path}.file`, file)) return;
  const bytes = context.files.read(file, headerBytes);
  const found = bytes && headerOnce(file, bytes);
  if (bytes?.length === 0)
    context.error(`${path}.file`, "empty-data", `${basename(file)} is empty`, "name another file");
  else if (found !== undefined && found.columns.length > 0) checkColumns(context, file, found);
}

function checkColumns(context: CheckContext, file: string, { columns: found, complete }: Header): void {
  for (const [role, name] of Object.entries(context.experiment.data.columns)) {
    if (found.includes(name) || !complete) continue;
    const message = `${basename(file)} has no column "${name}"; it has ${found.slice(0, 12).join(", ")}`;
    const help = suggestion(name, found, "columns");
    context.error(`data.columns.${role}`, "missing-column", message, help);
  }
  const twice = found.find((name, index) => found.indexOf(name) !== index && isUsed(context, name));
  if (twice !== undefined) {
    const message = `${basename(file)} has two columns "${twice}"`;
    context.error("data.columns:", "duplicate-column", message, "rename one of them in the file");
  }
}

function isUsed(context: CheckContext, name: string): boolean {
  return Object.values(context.experiment.data.columns).includes(name);
}

/** Input and target from one column, or test rows that are the training rows, would make every number worthless. */
function checkDuplicates(context: CheckContext): void {
  const { columns, train, test, validation } = context.experiment.data;
  if (columns.input === columns.target) {
    context.error("data.columns.target", "same-column", "input and target are the same column", "name two columns");
  }
  const same = (file: string | undefined) => file !== undefined && file === train.file;
  if (same(test?.file) && test?.sheet === train.sheet) {
    context.error("data.test.file", "same-file", "test is the training file", "keep test rows in a file of their own");
  }
  if (same(validation?.file) && validation?.sheet === train.sheet) {
    context.error("data.validation.file", "same-file", "validation is the training file", "use fraction: 0.1");
  }
  if (validation?.file !== undefined && validation.file === test?.file && validation.sheet === test.sheet) {
    const help = "choices made on these rows would be choices made on test";
    context.error("data.validation.file", "same-file", "validation is the test file", help);
  }
}

function headerOnce(file: string, bytes: Uint8Array): Header | undefined {
  if (!readHeaders.has(bytes)) readHeaders.set(bytes, headerOf(file, bytes));
  return readHeaders.get(bytes);
}

const readHeaders = new WeakMap<Uint8Array, Header | undefined>();
