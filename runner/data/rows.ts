import type { Diagnostic, Result } from "../util/diagnostic.ts";
import { suggestion } from "../util/suggest.ts";
import { type Columns, cellsOf, jsonOf, namedColumns, placeOf, type RecordFormat } from "./columns.ts";
import { alpacaExchange, exchangeOf, exchangeWith, type Turn, wholeText } from "./conversation.ts";
import type { Cell, DataTable } from "./data-table.ts";
import { isObject } from "./json-value.ts";

/** One case, read from a data file. `T` is what the task reads from the target cell: labels, for label tasks. */
export type Row<T = readonly string[]> = {
  readonly id: string;
  /** The text that the model reads, by which rows are compared: all texts of a row, without its target. */
  readonly input: string;
  /** Texts that templates name, of several input columns; `input` is the last message of a conversation. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
  /** The messages before the input of a conversation. */
  readonly turns?: readonly Turn[] | undefined;
  /** The target cell as written. */
  readonly answer: string;
  /** The target that the task reads from the cell. Labels are in the raw view and in the order of the cell. */
  readonly gold: T;
  /** The patient, site or document that the case belongs to; absent without `data.columns.group`. */
  readonly group?: string | undefined;
  /** Weight in the training loss, finite and 0 or more; absent without `train.sample_weights`. */
  readonly weight?: number | undefined;
  /** The value by which `data.oversample` groups training rows; absent without its `by`. */
  readonly stratum?: string | undefined;
  /** Column -> value of the columns that subgroups are made by; absent if none are read. */
  readonly subgroups?: Readonly<Record<string, string>> | undefined;
};

/** Reads a target cell: its text, the target in it, what is wrong with it, and what to write instead. */
type ReadCell<T> = (cell: Cell) => {
  readonly text: string;
  readonly target: T;
  readonly problem?: string;
  readonly help?: string;
};

/**
 * Reads rows from the named columns of a table. Errors: a missing column, an empty id or group, a duplicate id, a
 * weight that is no number of 0 or more, a cell that does not have the form that the format requires.
 */
export function readRows<T>(
  table: DataTable,
  columns: Columns,
  readCell: ReadCell<T>,
  {
    subgroups = [],
    weights,
    strata,
    format = "table",
    readCells,
  }: {
    readonly subgroups?: readonly string[] | undefined;
    /** The column with the weights of rows. */
    readonly weights?: string | undefined;
    /** The column by which rows are oversampled. */
    readonly strata?: string | undefined;
    readonly format?: RecordFormat | undefined;
    /** Reads a target of several columns. Required if `columns` has `targets`. */
    readonly readCells?: ((cells: Readonly<Record<string, Cell>>) => ReturnType<ReadCell<T>>) | undefined;
  } = {},
): Result<readonly Row<T>[]> {
  const diagnostics: Diagnostic[] = [];
  const columnNamed = (name: string, key: string): readonly Cell[] => {
    const cells = cellsOf(table, name);
    if (cells !== undefined) return cells;
    const place = placeOf(name, table.columns);
    const message =
      place === undefined
        ? `the file has no column "${name}" (${key})`
        : `no cell of the column "${place.column}" has "${place.path.join(".")}" (${key})`;
    const names = table.columns.filter((one) => one !== "");
    const help = suggestion(name, names, "its columns") ?? "it has no columns";
    diagnostics.push({ severity: "error", code: "missing-column", message, span: table.header, help });
    return [];
  };
  const named = new Map(
    namedColumns(conversationColumns(columns, format, table)).map(([key, name]) => [
      key,
      columnNamed(name, `data.columns.${key}`),
    ]),
  );
  const groupCells = named.get("group");
  const subgroupCells = subgroups.map((name) => [name, columnNamed(name, "evaluate.subgroups")] as const);
  const weightCells = weights === undefined ? undefined : columnNamed(weights, "train.sample_weights");
  const stratumCells = strata === undefined ? undefined : columnNamed(strata, "data.oversample.by");
  if (format !== "table") diagnostics.push(...unreadColumns(table, columns));
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const optional = (name: string): readonly Cell[] => (format === "table" ? [] : (cellsOf(table, name) ?? []));
  const [systems, contexts, histories] = [optional("system"), optional("input"), optional("history")];
  const names = Object.keys(columns.inputs ?? {});
  /** What the row asks and answers: its texts, its target cell, and what is wrong with it. */
  const contentOf = (row: number): Content => {
    const cell = (key: string): Cell => named.get(key)?.[row] ?? "";
    if (format === "table") {
      if (columns.inputs === undefined) return { input: text(cell("input")), target: cell("target") };
      const fields = Object.fromEntries(names.map((name) => [name, text(cell(`inputs.${name}`))]));
      const input = Object.values(fields).filter((field) => field.trim() !== "");
      return { input: input.join("\n\n"), fields, target: cell("target") };
    }
    const system = text(systems[row]);
    const value = (of: Cell): unknown => (typeof of === "string" ? jsonOf(of) : of);
    const isApart = format === "chat" && columns.target !== undefined && columns.target !== columns.input;
    const read =
      format === "chat"
        ? isApart
          ? exchangeWith(value(cell("input")), value(cell("target")), system)
          : exchangeOf(value(cell("input")), system, columns.target !== undefined)
        : alpacaExchange({
            instruction: text(cell("input")),
            input: text(contexts[row]),
            output: "",
            system,
            history: value(histories[row] ?? ""),
          });
    if (typeof read === "string") return { input: "", target: "", problem: read };
    return {
      input: wholeText(read),
      target: (format === "chat" ? read.target : undefined) ?? cell("target"),
      ...(read.turns.length === 0 ? {} : { fields: { input: read.input }, turns: read.turns }),
    };
  };

  const rowOf = new Map<string, number>();
  const rowName = (row: number): string => table.rowName?.(row) ?? `row ${row + 1}`;
  const rowNames = (one: number, other: number): string =>
    table.rowName === undefined ? `rows ${one + 1} and ${other + 1}` : `${rowName(one)} and ${rowName(other)}`;
  const complain = (row: number, code: string, message: string, help = "give each case a unique id") =>
    diagnostics.push({ severity: "error", code, message, span: table.span(row), help });
  const id = named.get("id");
  const rows = table.rows.map((_, index): Row<T> => {
    const name = id === undefined ? String(index + 1) : text(id[index]).trim();
    const before = rowOf.get(name);
    if (diagnostics.length < 20) {
      const written = id?.[index];
      if (written !== undefined && (Array.isArray(written) || isObject(written)))
        complain(index, "missing-id", `the id of ${rowName(index)} is a list or an object`);
      else if (name === "") complain(index, "missing-id", `${rowName(index)} has no id`);
      else if (before !== undefined)
        complain(index, "duplicate-id", `${rowNames(before, index)} have the same id "${name}"`);
    }
    if (before === undefined) rowOf.set(name, index);
    const group = groupCells === undefined ? undefined : text(groupCells[index]).trim();
    if (group === "" && diagnostics.length < 20) {
      const help = "name the group of each case; a case that belongs to no other is a group of its own";
      complain(index, "missing-group", `${rowName(index)} has no group (data.columns.group)`, help);
    }
    const weight = weightCells === undefined ? undefined : weightOf(text(weightCells[index]));
    if (Number.isNaN(weight) && diagnostics.length < 20) {
      const written = `"${text(weightCells?.[index])}"`;
      const message = `${rowName(index)} has the weight ${written}, which is no number of 0 or more`;
      complain(index, "invalid-weight", `${message} (train.sample_weights)`, "write a number such as 0, 1 or 2.5");
    }
    const { target, input, problem, ...more } = contentOf(index);
    const cell =
      columns.targets === undefined || readCells === undefined
        ? readCell(target)
        : readCells(
            Object.fromEntries(
              Object.keys(columns.targets).map((name) => [name, named.get(`targets.${name}`)?.[index] ?? ""]),
            ),
          );
    if (problem !== undefined && diagnostics.length < 20)
      complain(index, "broken-record", `${rowName(index)}: ${problem}`, recordHelp[format]);
    const key = columns.targets === undefined ? columns.target && "target" : "targets";
    if (cell.problem !== undefined && key !== undefined && diagnostics.length < 20) {
      const { help = "write a text, or a list of texts and numbers" } = cell;
      complain(index, "broken-target", `${rowName(index)}: ${cell.problem} (data.columns.${key})`, help);
    }
    const read = { id: name, input, answer: cell.text, gold: cell.target, ...more };
    const values = subgroupCells.map(([name, cells]) => [name, text(cells[index]).trim()] as const);
    return {
      ...read,
      ...(group === undefined ? {} : { group }),
      ...(weight === undefined ? {} : { weight }),
      ...(stratumCells === undefined ? {} : { stratum: text(stratumCells[index]).trim() }),
      ...(values.length === 0 ? {} : { subgroups: Object.fromEntries(values) }),
    };
  });
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, value: rows, warnings: [] };
}

type Content = Pick<Row, "input" | "fields" | "turns"> & { readonly target: Cell; readonly problem?: string };

/** Columns of alpaca and chat records without which a row means something else, and what they hold. */
const otherContent: Readonly<Record<string, string>> = {
  chosen: "pairs of a better and a worse answer",
  rejected: "pairs of a better and a worse answer",
  kto_tag: "judgements of the answers, which may be wrong",
  label: "judgements of the answers, which may be wrong",
  tools: "tools, which no prompt lists",
  images: "images",
  videos: "videos",
  audios: "sounds",
};

/** An error for each column that exp would have to read and does not. A column without content does not matter. */
function unreadColumns(table: DataTable, columns: Columns): readonly Diagnostic[] {
  return Object.entries(otherContent).flatMap(([name, content]): readonly Diagnostic[] => {
    const cells = cellsOf(table, name) ?? [];
    const row = cells.findIndex((cell) => !["", "[]", "null"].includes(text(cell).trim()));
    if (row < 0 || namedColumns(columns).some(([, column]) => column === name)) return [];
    // A column of this name has anything but judgements in other files.
    if (name === "label" && !cells.every((cell) => /^(?:true|false)$/i.test(text(cell)))) return [];
    const message = `the column "${name}" has ${content}: exp trains and scores one answer in text`;
    const help =
      "remove the column if the rows are right without it, or name input and target in data.columns with format: table";
    return [{ severity: "error", code: "unsupported-column", message, span: table.span(row), help }];
  });
}

const recordHelp: Readonly<Record<RecordFormat, string>> = {
  table: "",
  alpaca: 'write "history" as a list of pairs: [["question", "answer"]]',
  chat: 'write a list of messages {"role": "user", "content": "…"}, of which the last is the assistant\'s',
};

/** The columns of a conversation, which is in `conversations` if the file has no `messages`. */
function conversationColumns(columns: Columns, format: RecordFormat, table: DataTable): Columns {
  const isOther =
    columns.input === "messages" && !table.columns.includes("messages") && table.columns.includes("conversations");
  return format === "chat" && isOther
    ? {
        ...columns,
        input: "conversations",
        target: columns.target === columns.input ? "conversations" : columns.target,
      }
    : columns;
}

/** A weight; NaN if the cell has no finite number of 0 or more. */
function weightOf(cell: string): number {
  const value = cell.trim() === "" ? Number.NaN : Number(cell);
  return Number.isFinite(value) && value >= 0 ? value : Number.NaN;
}

function text(cell: string | readonly string[] | undefined): string {
  return typeof cell === "string" ? cell : (cell ?? []).join(" ");
}
