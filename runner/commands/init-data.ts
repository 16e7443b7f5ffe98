import { basename, relative, resolve, sep } from "node:path";
import {
  type Columns,
  cellsOf,
  columnsFor,
  inputColumns,
  jsonOf,
  type RecordFormat,
  targetColumns,
  unnamedHelp,
} from "../data/columns.ts";
import type { Cell, DataTable } from "../data/data-table.ts";
import { documentedRoles } from "../data/documented-records.ts";
import { addressHelp, formatByName } from "../data/formats.ts";
import { isScalar } from "../data/json-value.ts";
import { splitLabels } from "../data/labels/split.ts";
import { readRows } from "../data/rows.ts";
import { baselines } from "../evaluation/baselines/index.ts";
import { tasks } from "../plugins/tasks/registry.ts";
import type { Task } from "../plugins/tasks/task.ts";
import { formatDiagnostic } from "../util/code-frame.ts";
import type { Context } from "../util/context.ts";
import type { Result } from "../util/diagnostic.ts";
import { plural } from "../util/format.ts";
import { pathKind } from "../util/regular-file.ts";
import { isMap } from "../util/shape.ts";
import { UserError } from "../util/user-error.ts";
import { readGivenFile, readGivenTable } from "./given-file.ts";

/** Files of a study for one data file: path in the study -> text. */
export type DataStudy = { readonly files: Readonly<Record<string, string>>; readonly summary: string };

/** Looks at a data file and writes an experiment, a prompt and the task for it. Throws UserError. */
export async function studyFor(
  file: string,
  { folder, schema }: { readonly folder: string; readonly schema: string },
  context: Context,
): Promise<DataStudy> {
  if (
    pathKind(resolve(context.cwd, file)) === undefined &&
    /^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(file) &&
    !formatByName(file)
  ) {
    throw new UserError("missing-file", `there is no file ${file}`, {
      help: `for a data set of the hub, make a study from some of its rows, then write train: {hub: ${file}} and run exp pin`,
      status: "invalid",
    });
  }
  const address = addressHelp(file);
  if (address !== undefined)
    throw new UserError("missing-file", `${file} is an address, not a file`, { help: address, status: "invalid" });
  const { table, sheet, headerRow } = await tableOf(file, context);
  const { format, columns, targets, rivals = [] } = rolesOf(table, file);
  // Rows that exp cannot read are an error now, and not of the first command in the study.
  contentOf(readRows(table, columnsFor(format, columns), (cell) => ({ text: "", target: cell }), { format }));
  const isData = table.columns.find((name, at) => name !== "" && table.rows.some((row) => row[at] === name));
  const repeated =
    columns.id === undefined && format === "table"
      ? table.columns.find((name) => /^(?:id|uid|uuid)$/i.test(name))
      : undefined;
  const proposed = [...tasks].flatMap((one) => {
    const proposal = one.propose?.(targets);
    return proposal === undefined ? [] : [{ task: one, proposal }];
  })[0];
  const separator = separatorOf(targets);
  const { task, labels } =
    proposed === undefined ? taskOf(targets, separator) : { task: proposed.task, labels: new Set<string>() };
  const settings = Object.entries(proposed?.proposal.data ?? {});
  const hasOwnSeparator = task.labels?.isSingle === false && separator !== usualSeparator;
  const isListed = labels.size > 0 && labels.size <= mostListed;
  const shown = relative(resolve(folder, "experiments"), resolve(context.cwd, file)).replaceAll(sep, "/");
  // Without those that need a Python environment.
  const quick = task.baselines.filter((name) => Object.hasOwn(baselines, name));
  const yaml = [
    `# yaml-language-server: $schema=${schema}`,
    `# Written from ${JSON.stringify(basename(file))}: check the task, the columns and the prompt. Without \`train:\` the model is not tuned.`,
    "name: first",
    `task: ${task.name}`,
    "data:",
    ...(format === "table" ? [] : [`  format: ${format}`]),
    `  train: {file: ${JSON.stringify(shown)}${written("sheet", sheet)}${written("header_row", headerRow)}}`,
    "  test: {fraction: 0.2}",
    ...(Object.keys(columns).length === 0 ? [] : [`  columns: ${JSON.stringify(columns)}`]),
    ...(hasOwnSeparator ? [`  labels: {separator: ${JSON.stringify(separator)}}`] : []),
    ...settings.map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
    "model: {base: smollm2-135m}",
    `prompt: {template: prompts/task.hbs${isListed ? ", labels: {}" : ""}}`,
    `baselines: [${quick.join(", ")}]`,
    "",
  ].join("\n");
  const { labels: introduction, form } = task.instruction?.({ data: { labels: { separator } } }) ?? noInstruction;
  const list = isListed ? `\n${introduction}: {{#each labels}}{{this}}{{#unless @last}}; {{/unless}}{{/each}}.` : "";
  const shape = proposed === undefined ? "" : `\n${proposed.proposal.form.replaceAll(/\{(?=\{)/g, "{ ")}`;
  const system = `${form}${list}${shape}`;
  const prompt = `${system === "" ? "" : `{{#system}}${system}{{/system}}\n`}{{#user}}{{input}}{{/user}}\n`;
  const what =
    proposed !== undefined
      ? "JSON objects"
      : task.labels === undefined
        ? "free texts"
        : plural(labels.size, "distinct label");
  const own = Object.entries(proposed?.proposal.files ?? {}).map(([path, text]) => [`experiments/${path}`, text]);
  return {
    files: { "experiments/first.yaml": yaml, "prompts/task.hbs": prompt, ...Object.fromEntries(own) },
    summary:
      `${file}${sheet === undefined ? "" : `, sheet "${sheet}"`}: ${plural(targets.length, "row")} with ${what}, task ${task.name}` +
      (format === "table" ? `\ninput: ${columns.input}, target: ${columns.target}` : "") +
      (rivals.length === 0 ? "" : `\nother columns that could be the target: ${rivals.join(", ")}`) +
      (isData === undefined
        ? ""
        : `\nwarning: the column name "${isData}" is also a value of its column: add a first row with column names, if the file has none`) +
      (repeated === undefined
        ? ""
        : `\nwarning: the column "${repeated}" has values that repeat, so the ids are the numbers of the rows`),
  };
}

/** A further key of a flow map in YAML, or nothing. */
const written = (key: string, value: string | number | undefined): string =>
  value === undefined ? "" : `, ${key}: ${JSON.stringify(value)}`;

/** Rows of a sheet above its column names. */
const mostTitles = 10;

/** Sheets of a workbook that are searched for rows. */
const mostSheets = 20;

/**
 * The rows of a file. A workbook may have them in another sheet than the first one, and below a title: `headerRow`,
 * counted from 1.
 */
async function tableOf(
  file: string,
  context: Context,
): Promise<{ readonly table: DataTable; readonly sheet?: string; readonly headerRow?: number }> {
  const found = await readGivenTable(file, {}, context);
  const isTable = (one: Result<DataTable>): one is Extract<Result<DataTable>, { ok: true }> =>
    one.ok && one.value.columns.filter((name) => name !== "").length > 1;
  if (!isTable(found) && formatByName(file)?.format === "xlsx") {
    for (const sheet of [undefined, ...(await otherSheets(file, context))]) {
      for (let headerRow = 1; headerRow <= mostTitles; headerRow++) {
        const place = { ...(sheet === undefined ? {} : { sheet }), ...(headerRow === 1 ? {} : { headerRow }) };
        const table = await readGivenTable(file, place, context);
        if (isTable(table)) return { table: table.value, ...place };
      }
    }
  }
  return { table: contentOf(found) };
}

/** Names of the sheets of a workbook after the first; none of a glob or of a file that is no workbook. */
async function otherSheets(file: string, context: Context): Promise<readonly string[]> {
  const bytes = readGivenFile(file, "data file", context);
  if (!bytes.ok || file.endsWith(".gz")) return [];
  try {
    const { sheetNames } = await import("../data/xlsx/workbook.ts");
    return (await sheetNames(bytes.value)).slice(1, mostSheets);
  } catch (error) {
    if (error instanceof UserError) return [];
    throw error;
  }
}

/** The default of `data.labels.separator`. */
const usualSeparator = ",";

/** Other separators of labels in a cell. */
const otherSeparators = [";", "|"];

/** The separator of the labels in a cell: one that cuts cells. Of several, the one that leaves the fewest labels. */
function separatorOf(targets: readonly string[]): string {
  const cut = [usualSeparator, ...otherSeparators]
    .map((separator) => ({ separator, cells: targets.map((cell) => splitLabels(cell, separator)) }))
    .filter(({ cells }) => cells.some((parts) => parts.length > 1))
    .map(({ separator, cells }) => ({ separator, count: new Set(cells.flat()).size }));
  return cut.sort((a, b) => a.count - b.count)[0]?.separator ?? usualSeparator;
}

/** The most labels that the prompt lists: a small model has a short context. */
const mostListed = 50;

const noInstruction = { labels: "", form: "" };

/** Longest text of a usual label. */
const longestLabel = 60;

/** Labels of so few rows may occur once. */
const fewRows = 20;

/**
 * The task that fits the targets, and its labels. Most labels are short and repeat. A cell with several of them, in a
 * list or with commas between them, makes a set of labels. Targets of few rows are labels if each is one word.
 */
function taskOf(
  targets: readonly string[],
  separator: string,
): { readonly task: Task; readonly labels: ReadonlySet<string> } {
  const isList = targets.some((cell) => cell.includes("\0"));
  const cells = targets.map((cell) => (isList ? cell.split("\0") : splitLabels(cell, separator)));
  const parts = cells.flat().filter((part) => part !== "");
  const counts = new Map<string, number>();
  for (const part of parts) counts.set(part, (counts.get(part) ?? 0) + 1);
  const usual = parts.filter((part) => part.length <= longestLabel && (counts.get(part) as number) > 1);
  const areWords = targets.length <= fewRows && parts.every((part) => !/\s/.test(part) && part.length <= longestLabel);
  const areLabels = isList || areWords || usual.length >= parts.length * 0.75;
  const isSingle = areLabels ? !isList && cells.every((cell) => cell.length === 1) : undefined;
  const task = [...tasks].find((one) => one.labels?.isSingle === isSingle) as Task;
  return { task, labels: new Set(areLabels ? parts : []) };
}

function contentOf<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const message = result.diagnostics.map((one) => formatDiagnostic(one)).join("\n");
  throw new UserError("data", message, { status: "invalid", diagnostics: result.diagnostics });
}

type Roles = {
  readonly format: RecordFormat;
  readonly columns: Partial<Columns>;
  /** The items of a list have NUL between them. */
  readonly targets: readonly string[];
  /** Other columns with few short values, if the target is known by its values alone. */
  readonly rivals?: readonly string[];
};

const targetNames =
  /^(?:labels?|targets?|output|answers?|class|classes|category|categories|diagnosis|diagnoses|topics?|tags?|sentiment|summary|response|completion|generation|solution|intents?)$/i;
const inputNames = /^(?:text|input|sentence|content|body|question|prompt|document|report|message|note|review)$/i;

/** The last key of a path: "labels" of "output.labels". */
const lastPart = (name: string): string => name.slice(name.lastIndexOf(".") + 1);

/** Rows that show whether a column has objects. */
const sampledRows = 100;

/** Objects with more keys, or deeper ones, are data and not a set of fields. */
const mostKeys = 100;
const deepest = 8;

/** The paths within a column of objects ("output.labels"), or the column. `values`: those of some rows at this path. */
function fieldsOf(name: string, values: readonly unknown[], depth = 0): readonly string[] {
  const present = values.filter((value) => value !== undefined && value !== null && value !== "");
  const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null && !Array.isArray(value) && !isScalar(value);
  if (present.length === 0 || depth === deepest || !present.every(isObject)) return [name];
  const keys = new Set(present.flatMap((value) => Object.keys(value)));
  if (keys.size > mostKeys) return [name];
  return [...keys].flatMap((key) =>
    fieldsOf(
      `${name}.${key}`,
      present.map((value) => (Object.hasOwn(value, key) ? value[key] : undefined)),
      depth + 1,
    ),
  );
}

/** The first so many of these paths are candidates for a role. */
const mostFields = 1_000;

/**
 * The first column of objects with several fields. They are targets as a whole if another column has the input: a field
 * such as "summary" or "note" is then a part of the target.
 */
function objectColumn(columns: readonly string[], sample: DataTable["rows"]): string | undefined {
  return columns.find((_, at) => {
    const values = sample.map((row) => row[at] ?? "").map((cell) => (typeof cell === "string" ? jsonOf(cell) : cell));
    const keys = new Set(values.flatMap((value) => (isMap(value) ? Object.keys(value) : [])));
    return values.length > 0 && values.every(isMap) && keys.size > 1 && keys.size <= mostKeys;
  });
}

/** Whether a cell is a list of JSON objects. */
function hasObjects(cell: Cell): boolean {
  const value = typeof cell === "string" ? jsonOf(cell) : cell;
  return Array.isArray(value) && value.some((item) => typeof item === "object" && item !== null && !isScalar(item));
}

/** Whether a text looks like an identifier: "T-017", "4711", and no word. */
const isIdentifier = (text: string): boolean => /^\S*\d\S*$/.test(text);

/** Whether texts are short and few, or lists of such texts, and none is a number. */
function isCategory(texts: readonly string[]): boolean {
  const parts = texts.flatMap((text) => splitLabels(text, separatorOf(texts)));
  const values = new Set(parts);
  return (
    values.size > 1 &&
    values.size <= texts.length / 2 &&
    [...values].every((text) => text.length <= longestLabel && !/^[\d.,]*$/.test(text))
  );
}

/** The format of a file and the roles of its columns, by their names, and else by their texts. Throws UserError. */
function rolesOf(table: DataTable, file: string): Roles {
  const { columns, rows } = table;
  const textsAt = (name: string): readonly string[] =>
    (cellsOf(table, name) ?? []).map((cell) => {
      const list = typeof cell === "string" ? jsonOf(cell) : cell;
      return Array.isArray(list) && list.every(isScalar) ? list.join("\0") : [cell].flat().join("\0");
    });
  const isJudged = (name: string): boolean =>
    columns.includes(name) &&
    rows.length > 0 &&
    textsAt(name).every((text) => /^(?:true|false)(?:\0(?:true|false))*$/i.test(text));
  const other =
    ["input_ids", "segments", "chosen", "kto_tag"].find((name) => columns.includes(name)) ??
    (columns.includes("prompt") ? ["label", "labels"].find(isJudged) : undefined);
  if (other !== undefined) {
    throw new UserError(
      "unsupported-column",
      `${file} has the column "${other}": its rows are no inputs with one right answer`,
      {
        help: "write a file with a text and its right answer in each row",
        status: "invalid",
      },
    );
  }
  const chat = ["messages", "conversations"].find((name) => columns.includes(name));
  if (chat !== undefined) return { format: "chat", columns: {}, targets: textsAt(chat) };
  const isPair = rows.length > 0 && ["prompt", "completion"].every((name) => cellsOf(table, name)?.every(hasObjects));
  if (isPair) {
    return { format: "chat", columns: { input: "prompt", target: "completion" }, targets: textsAt("completion") };
  }
  const answer = ["output", "response"].find((name) => columns.includes(name));
  if (columns.includes("instruction") && answer !== undefined) {
    const others = answer === "output" ? {} : { target: answer };
    return { format: "alpaca", columns: others, targets: textsAt(answer) };
  }
  const sample = rows.slice(0, sampledRows);
  const named = columns
    .flatMap((name, at) => {
      const cells = sample.map((row) => row[at] ?? "");
      return name === ""
        ? []
        : fieldsOf(
            name,
            cells.map((cell) => (typeof cell === "string" ? jsonOf(cell) : cell)),
          );
    })
    .slice(0, mostFields);
  const lengths = new Map(
    named.map((name) => [name, textsAt(name).reduce((sum, text) => sum + text.length, 0)] as const),
  );
  const length = (name: string): number => lengths.get(name) as number;
  const isDistinct = (name: string): boolean => new Set(textsAt(name)).size === rows.length;
  const known = documentedRoles(columns);
  const used = known === undefined ? [] : [...inputColumns(known), ...targetColumns(known)];
  const free = named.filter((name) => !used.includes(name));
  const id =
    free.find((name) => /^(?:id|.*_id|uid|uuid)$/i.test(name) && isDistinct(name)) ??
    (named.length > 2 && known === undefined
      ? free.find((name) => isDistinct(name) && textsAt(name).every(isIdentifier))
      : undefined);
  if (known !== undefined) {
    const roles = { ...(id === undefined ? {} : { id }), ...known };
    return { format: "table", columns: roles, targets: textsAt(known.target as string) };
  }
  const others = named.filter((name) => name !== id);
  const objects = objectColumn(columns, sample);
  if (objects !== undefined) {
    const texts = others.filter((name) => name !== objects && !name.startsWith(`${objects}.`));
    const input =
      texts.find((name) => inputNames.test(lastPart(name))) ?? texts.sort((a, b) => length(b) - length(a))[0];
    const isApart = id !== undefined && !id.startsWith(`${objects}.`);
    const roles = { ...(isApart ? { id } : {}), input: input as string, target: objects };
    if (input !== undefined) return { format: "table", columns: roles, targets: textsAt(objects) };
  }
  // A column with one value in all rows tells nothing.
  const isVaried = (name: string): boolean => new Set(textsAt(name)).size > 1;
  const byLength = [...others].sort((a, b) => length(b) - length(a));
  const byName = others.find((name) => targetNames.test(lastPart(name)));
  const categories = byName === undefined ? others.filter((name) => isCategory(textsAt(name))) : [];
  const target =
    byName ?? (others.length > 1 ? (categories.at(-1) ?? byLength.findLast(isVaried) ?? byLength.at(-1)) : undefined);
  const input =
    others.find((name) => name !== target && inputNames.test(lastPart(name))) ??
    byLength.find((name) => name !== target);
  const listed = columns.find((name) => (cellsOf({ columns, rows: sample }, name) ?? []).some(hasObjects));
  if (listed !== undefined && (rows.length === 1 || target === undefined || input === undefined)) {
    throw new UserError("missing-column", `${file} is one object, and its rows are in the key "${listed}"`, {
      help: `write the list of "${listed}" as the whole file`,
      status: "invalid",
    });
  }
  if (target === undefined || input === undefined) {
    throw new UserError("missing-column", `${file} has no two columns for an input and a target`, {
      help: columns.includes("")
        ? unnamedHelp
        : `its columns: ${named.join(", ")}; add a column with the right answers`,
      status: "invalid",
    });
  }
  if (listed === target || listed === input) {
    throw new UserError("unsupported-column", `the column "${listed}" of ${file} has lists of objects`, {
      help: 'for conversations, write all messages of a row into one list in the column "messages"',
      status: "invalid",
    });
  }
  const rivals = categories.filter((name) => name !== target && name !== input);
  const roles = { ...(id === undefined ? {} : { id }), input, target };
  return { format: "table", columns: roles, targets: textsAt(target), rivals };
}
