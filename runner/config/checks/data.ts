import { basename, dirname, relative } from "node:path";
import { columnsFor, inputColumns, namedColumns, placeOf, targetColumns, unnamedHelp } from "../../data/columns.ts";
import { addressHelp, formatByName, formatHelp } from "../../data/formats.ts";
import { parseLexicon } from "../../data/labels/lexicon.ts";
import { parseGroups, parseSynonyms } from "../../data/labels/synonyms.ts";
import type { DatasetPart } from "../../hub/dataset-files.ts";
import { datasetsOf, filesOf, hasRows } from "../../plugins/data-part.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { TaskSections } from "../../plugins/tasks/task.ts";
import type { Result, SourceText } from "../../util/diagnostic.ts";
import { isGlob } from "../../util/glob.ts";
import { type FileKind, fileLimits, tooLargeHelp, tooLargeMessage } from "../../util/regular-file.ts";
import { suggestion } from "../../util/suggest.ts";
import { mostDataFiles } from "../data-files.ts";
import { sourceText } from "../source.ts";
import { type Header, headerBytes, headerOf } from "../table-header.ts";
import type { CheckContext } from "./context.ts";

type Part = Partial<Pick<Experiment["data"]["train"], "file" | "sheet">>;

/** Data files exist and have the named columns, and exactly one key gives the validation rows. */
export function checkData(context: CheckContext): void {
  const { data } = context.experiment;
  const { validation } = data;
  checkRoles(context);
  checkSource(context, "data.train", data.train, []);
  if (data.test !== undefined) checkSource(context, "data.test", data.test, ["fraction"]);
  if (validation !== undefined) {
    checkSource(context, "data.validation", validation, ["fraction", "folds"]);
    if (validation.fold !== undefined) checkFold(context, validation.fold, validation.folds);
    if (!hasRows(validation) && validation.limit !== undefined) needs(context, "data.validation", "limit", "file");
  }
  checkDuplicates(context);
  data.accept.forEach((code, index) => {
    if (context.auditCodes?.includes(code) ?? true) return;
    const help = suggestion(code, context.auditCodes ?? [], "codes");
    context.error(`data.accept.${index}`, "not-one-of", `the data audit has no code "${code}"`, help);
  });
  checkTaskFile(context, "data.labels.synonyms", data.labels?.synonyms, parseSynonyms);
  checkTaskFile(context, "data.labels.groups", data.labels?.groups, parseGroups);
  checkTaskFile(context, "data.labels.lexicon", data.labels?.lexicon, parseLexicon);
  checkTaskFiles(context);
  if (data.oversample !== undefined && data.oversample.by === undefined) {
    const { name, labels } = tasks.get(context.experiment.task);
    const message = `data.oversample needs the key by: answers of task: ${name} are not labels`;
    const help = "name a column of the training file, such as by: site";
    if (labels === undefined) context.error("data.oversample:", "missing-key", message, help);
  }
}

/** A part has one of file, hub and `others`, and only keys that belong to it. */
function checkSource(
  context: CheckContext,
  path: string,
  part: Partial<NonNullable<CheckContext["experiment"]["data"]["validation"]>>,
  others: readonly ("fraction" | "folds")[],
): void {
  const known = ["file", "hub", ...others] as const;
  const ways = known.filter((key) => part[key] !== undefined);
  if (ways.length !== 1) {
    const message = ways.length === 0 ? `${path} has none of ${nameList(known)}` : `${path} has ${ways.join(" and ")}`;
    context.error(
      `${path}:`,
      "exactly-one",
      message,
      `set exactly one of ${nameList(known)}${others.includes("fraction") ? ", such as fraction: 0.2" : ""}`,
    );
  }
  if (part.file !== undefined) checkTable(context, path, part);
  if (part.hub !== undefined) checkDataset(context, path, part.revision);
  const ofFile = (["sheet", "header_row"] as const).find((key) => part[key] !== undefined);
  if (ofFile !== undefined && part.file === undefined && part.hub === undefined) needs(context, path, ofFile, "file");
  const ofHub = (["revision", "config", "split", "files"] as const).find((key) => part[key] !== undefined);
  if (ofHub !== undefined && part.hub === undefined) needs(context, path, ofHub, "hub");
  const other = (["config", "split"] as const).find((key) => part[key] !== undefined);
  if (part.files !== undefined && other !== undefined) {
    const message = `${path} has both files and ${other}`;
    context.error(`${path}.${other}:`, "exactly-one", message, "remove one: files takes the place of config and split");
  }
}

function needs(context: CheckContext, path: string, key: string, other: string): void {
  context.error(`${path}.${key}:`, "needs-file", `${path}.${key} needs ${path}.${other}`, "remove it");
}

const nameList = (names: readonly string[]): string => `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** The revision of a data set of the hub is a commit. */
function checkDataset(context: CheckContext, path: string, revision: string | undefined): void {
  if (revision !== undefined && /^[0-9a-f]{40}$/.test(revision)) return;
  const help = "run exp pin on this file, or write the 40 hexadecimal digits of the commit";
  const message =
    revision === undefined
      ? `${path}.revision is missing, so the rows may change`
      : `${path}.revision is not a commit: "${revision}"`;
  context.error(revision === undefined ? `${path}.hub` : `${path}.revision`, "unpinned-revision", message, help);
}

function checkFold(context: CheckContext, fold: number, folds: number | undefined): void {
  if (folds === undefined) {
    const help = "add folds: 5, or remove it";
    context.error("data.validation.fold:", "needs-file", "data.validation.fold needs data.validation.folds", help);
  } else if (fold > folds) {
    context.error("data.validation.fold", "out-of-range", `data.validation.fold must be at most ${folds}`, undefined);
  }
}

/** An error unless the path is a regular file of acceptable size. */
export function needFile(context: CheckContext, path: string, file: string, fileKind: FileKind): boolean {
  const kind = context.files.kind(file);
  if (kind === "file") {
    if ((context.files.size(file) ?? 0) <= fileLimits[fileKind]) return true;
    const message = tooLargeMessage(context.display(file), fileKind);
    context.error(path, "file-too-large", message, tooLargeHelp[fileKind]);
    return false;
  }
  if (kind === "special") {
    const message = `${context.display(file)} is a device, pipe or socket`;
    context.error(path, "not-a-regular-file", message, "name a regular file");
    return false;
  }
  const message =
    kind === "folder"
      ? `${context.display(file)} is a folder, not a file`
      : `there is no file ${context.display(file)}`;
  context.error(path, "missing-file", message, "paths are relative to the YAML file that names them");
  return false;
}

type Parse = (source: SourceText) => Result<unknown>;

/** Settings that the task needs, and its files that it parses itself. */
function checkTaskFiles(context: CheckContext): void {
  const { experiment } = context;
  const { fileParsers = {}, requires = [], ...task } = tasks.get(experiment.task);
  const { scoring, analysis } = task.files({ data: experiment.data as unknown as TaskSections["data"] });
  const files: Readonly<Record<string, string>> = { ...scoring, ...analysis };
  for (const key of requires.filter((one) => !context.wrote(one)))
    context.error("task", "missing-key", `task: ${experiment.task} needs the key ${key}`, `add ${key}`);
  for (const [key, parse] of Object.entries(fileParsers)) checkTaskFile(context, key, files[key], parse);
}

/** Parses a file of the task, so that its errors are found before a run. */
function checkTaskFile(context: CheckContext, path: string, file: string | undefined, parse: Parse): void {
  if (file === undefined || !needFile(context, path, file, "label file")) return;
  const bytes = context.files.read(file, fileLimits["label file"] + 1);
  if (bytes === undefined) return;
  const known = readTaskFiles.get(bytes);
  const source = sourceText(context.display(file), bytes, "label file");
  const result = known ?? (source.ok ? parse(source.value) : source);
  readTaskFiles.set(bytes, result);
  context.add(result.ok ? result.warnings : result.diagnostics);
}

/** The result of parsing a file, by its bytes: all points of a sweep name the same file. */
const readTaskFiles = new WeakMap<Uint8Array, Result<unknown>>();

function checkTable(
  context: CheckContext,
  path: string,
  part: Pick<Experiment["data"]["train"], "file" | "sheet" | "header_row">,
): void {
  const names = filesOf(part);
  const size = names.reduce((sum, file) => sum + (context.files.size(file) ?? 0), 0);
  if (names.length > mostDataFiles) {
    const help = "name fewer files, or join them";
    context.error(`${path}.file`, "too-many-files", `${path}.file names more than ${mostDataFiles} files`, help);
    return;
  }
  if (names.length > 1 && size > fileLimits["data file"]) {
    const message = `the ${names.length} files of ${path} are larger than 500 MB together`;
    context.error(`${path}.file`, "file-too-large", message, tooLargeHelp["data file"]);
    return;
  }
  for (const file of names) checkFile(context, path, { ...part, file });
}

function checkFile(
  context: CheckContext,
  path: string,
  { file, sheet, header_row }: { readonly file: string; readonly sheet?: string; readonly header_row?: number },
): void {
  if (isGlob(file) && context.files.kind(file) === undefined) {
    const help =
      "paths are relative to the YAML file that names them; * matches within a folder, and ** over at most 10,000 folders";
    context.error(`${path}.file`, "missing-file", `no file matches ${context.display(file)}`, help);
    return;
  }
  // A name as it is written: the id of a data set and an address are no paths.
  const name = relative(dirname(context.file), file);
  const exists = context.files.kind(file) !== undefined;
  const address = exists ? undefined : addressHelp(name);
  if (address !== undefined) {
    context.error(`${path}.file`, "missing-file", `${path}.file is an address, not a file`, address);
    return;
  }
  const found = formatByName(file);
  if (found === undefined && context.files.kind(file) === "folder") {
    const help = `name a file in it, or all of one kind: "${relative(dirname(context.file), file)}/*.csv"`;
    context.error(`${path}.file`, "bad-format", `${basename(file)} is a folder, not a data file`, help);
    return;
  }
  if (found === undefined) {
    context.error(`${path}.file`, "bad-format", `${basename(file)} is not a data file`, formatHelp(name, exists));
    return;
  }
  for (const [key, value] of Object.entries({ sheet, header_row })) {
    if (value !== undefined && found.format !== "xlsx")
      context.error(`${path}.${key}:`, "needs-file", `${key} is for .xlsx files`, "remove it");
  }
  if (!needFile(context, `${path}.file`, file, "data file")) return;
  const bytes = context.files.read(file, headerBytes);
  const header = bytes && headerOnce(file, bytes);
  if (bytes?.length === 0)
    context.error(`${path}.file`, "empty-data", `${basename(file)} is empty`, "use another file");
  else if (header !== undefined && header.columns.length > 0) checkColumns(context, file, header);
}

/**
 * The file of the evaluated rows has the columns that name subgroups; that of training rows, weights and groups of
 * copies.
 */
export function checkOtherColumns(context: CheckContext): void {
  const { data, evaluate, train } = context.experiment;
  const [trained = ""] = filesOf(data.train);
  const evaluated = filesOf(data[evaluate.split])[0] ?? trained;
  const subgroups = evaluate.subgroups.map((name, at) => ({ name, key: `evaluate.subgroups.${at}`, file: evaluated }));
  const named = [
    { name: train?.sample_weights, key: "train.sample_weights", file: trained },
    { name: data.oversample?.by, key: "data.oversample.by", file: trained },
  ];
  for (const { name, key, file } of [...subgroups, ...named]) {
    if (name === undefined) continue;
    const bytes = context.files.read(file, headerBytes);
    const { columns: found, complete } = (bytes && headerOnce(file, bytes)) ?? { columns: [], complete: false };
    if (placeOf(name, found) !== undefined || found.length === 0 || !complete) continue;
    const message = `${basename(file)} has no column "${name}"; it has ${found.slice(0, 12).join(", ")}`;
    context.error(key, "missing-column", message, suggestion(name, found, "columns"));
  }
}

function checkColumns(context: CheckContext, file: string, { columns: found, complete }: Header): void {
  const { format, columns } = context.experiment.data;
  const isChat = format === "chat" && found.includes("conversations") && columns.input === undefined;
  const used = isChat ? [] : namedColumns(columnsFor(format, columns));
  for (const [role, name] of used) {
    if (placeOf(name, found) !== undefined || !complete || name === undefined) continue;
    const named = found.filter((one) => one !== "");
    const message = `${basename(file)} has no column "${name}"; it has ${named.slice(0, 12).join(", ")}`;
    const help = named.length < found.length ? unnamedHelp : suggestion(name, named, "columns");
    const key = context.wrote(`data.columns.${role}`) ? `data.columns.${role}` : "data.format";
    context.error(key, "missing-column", message, help);
  }
  const twice = found.find(
    (name, index) => found.indexOf(name) !== index && used.some(([, column]) => placeOf(column, [name]) !== undefined),
  );
  if (twice !== undefined) {
    const message = `${basename(file)} has two columns "${twice}"`;
    context.error("data.columns:", "duplicate-column", message, "rename one of them in the file");
  }
}

/** A table has one of input and inputs, and a target; the other formats have their own. */
function checkRoles(context: CheckContext): void {
  const { task } = context.experiment;
  const { format, columns } = context.experiment.data;
  const { input, inputs, target, targets } = columns;
  const help = "columns: {input: text, target: label}, or data.format for records of alpaca or chat";
  if (input !== undefined && inputs !== undefined) {
    const message = "data.columns has both input and inputs";
    context.error("data.columns.inputs:", "exactly-one", message, "remove one");
  } else if (format === "table" && input === undefined && inputs === undefined)
    context.error("data.columns:", "missing-key", "data.columns.input is missing", help);
  if (targets !== undefined && context.wrote("data.columns.target")) {
    const message = "data.columns has both target and targets";
    context.error("data.columns.targets:", "exactly-one", message, "remove one");
  } else if (targets !== undefined && tasks.get(task).readsColumns !== true) {
    const message = `data.columns.targets has no meaning with task: ${task}, whose target is one column`;
    context.error("data.columns.targets:", "task-unsupported", message, "write target, or task: json");
  } else if (format === "table" && target === undefined && targets === undefined)
    context.error("data.columns:", "missing-key", "data.columns.target is missing", help);
  const other =
    format !== "table" && inputs !== undefined
      ? "inputs"
      : format === "chat" && targets !== undefined
        ? "targets"
        : undefined;
  if (other !== undefined) {
    const message = `data.columns.${other} has no meaning with format: ${format}`;
    context.error(`data.columns.${other}:`, "needs-file", message, "remove it");
  }
}

/** Input and target are different columns, and training, validation and test rows come from different files. */
function checkDuplicates(context: CheckContext): void {
  const { data } = context.experiment;
  const { columns, train, test, validation, format } = data;
  const { group } = columns;
  const targets = targetColumns(columns);
  const inputs = inputColumns(columns);
  if (group !== undefined && (inputs.includes(group) || targets.includes(group) || group === columns.id)) {
    const help = "name the column that has one value for all cases of a patient, site or document";
    context.error("data.columns.group", "same-column", `group and another role are the column "${group}"`, help);
  }
  if (format === "table" && targets.some((name) => inputs.includes(name))) {
    const key = columns.targets === undefined ? "data.columns.target" : "data.columns.targets";
    context.error(key, "same-column", "input and target are the same column", "use two columns");
  }
  const same = (one: Part | undefined, other: Part | undefined): string | undefined =>
    one?.sheet === other?.sheet ? filesOf(one).find((file) => filesOf(other).includes(file)) : undefined;
  /** Which file two parts share, if one of them has several. */
  const shared = (file: string, one: Part | undefined, other: Part | undefined): string =>
    filesOf(one).length + filesOf(other).length > 2 ? `: both have ${context.display(file)}` : "";
  const sameDataset = (one: string, other: string): void => {
    const [a, b] = [datasetsOf(data)[one], datasetsOf(data)[other]];
    if (a === undefined || b === undefined) return;
    const key = (part: DatasetPart, name: string) =>
      JSON.stringify([part.hub, part.config, part.split ?? name, part.files]);
    if (key(a, one) !== key(b, other)) return;
    context.error(
      `data.${one}.hub`,
      "same-file",
      `${one} has the rows of ${other}`,
      "write another split, or a fraction",
    );
  };
  sameDataset("test", "train");
  sameDataset("validation", "train");
  sameDataset("validation", "test");
  const ofTest = same(test, train);
  if (ofTest !== undefined) {
    context.error(
      "data.test.file",
      "same-file",
      `test is the training file${shared(ofTest, test, train)}`,
      "use fraction: 0.2, or a file",
    );
  }
  const ofTraining = same(validation, train);
  if (ofTraining !== undefined) {
    const message = `validation is the training file${shared(ofTraining, validation, train)}`;
    context.error("data.validation.file", "same-file", message, "use fraction: 0.1");
  }
  const ofBoth = same(validation, test);
  if (ofBoth !== undefined) {
    const help = "use other rows: selection on test rows makes test results invalid";
    context.error(
      "data.validation.file",
      "same-file",
      `validation is the test file${shared(ofBoth, validation, test)}`,
      help,
    );
  }
}

function headerOnce(file: string, bytes: Uint8Array): Header | undefined {
  if (!readHeaders.has(bytes)) readHeaders.set(bytes, headerOf(file, bytes));
  return readHeaders.get(bytes);
}

const readHeaders = new WeakMap<Uint8Array, Header | undefined>();
