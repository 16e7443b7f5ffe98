import type { Result, SourceText, Span } from "../util/diagnostic.ts";
import type { Cell, DataTable } from "./data-table.ts";
import { asCell, parseJson } from "./json-value.ts";
import { lineEnd } from "./lines.ts";
import type { Problems } from "./problems.ts";
import { tableLimits } from "./table-limits.ts";

type Range = { readonly start: number; readonly end: number };

/** Reads JSON lines: one object a line. */
export function readJsonLines(source: SourceText, problems: Problems): Result<DataTable> {
  const help = 'each line is one JSON object: {"id": "...", "input": "..."}';
  return readRecords(source, lines(source.text), problems, { noun: "line", help });
}

/** Reads a .json file: an array of objects, or JSON lines. */
export function readJson(source: SourceText, problems: Problems): Result<DataTable> {
  const { text } = source;
  const first = text.search(/\S/);
  const help = 'write an array of objects, [{"id": "...", "input": "..."}, …], or one object on each line';
  if (text[first] === "[") {
    return readRecords(source, items(text, first, problems), problems, { noun: "item", help });
  }
  if (text[first] === "{" && isObject(text.slice(first, lineEnd(text, first)))) return readJsonLines(source, problems);
  const what = isObject(text) ? "is one object" : "does not start with an array or an object";
  problems.add(first, lineEnd(text, first), "broken-file", `the JSON ${what}, not an array of objects`, help);
  return problems.result();
}

/** The complete records at the start of a text, as JSON. */
export function startOfJson(text: string, isJson: boolean): readonly string[] {
  const first = text.search(/\S/);
  const ranges = isJson && text[first] === "[" ? items(text, first) : lines(text);
  return Array.from(ranges, ({ start, end }) => text.slice(start, end));
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function* lines(text: string): Generator<Range> {
  for (let start = 0; start < text.length; ) {
    const end = lineEnd(text, start);
    if (text.slice(start, end).trim() !== "") yield { start, end };
    start = end + (text.startsWith("\r\n", end) ? 2 : 1);
  }
}

/** The places of the items of the array that starts at `from`. */
function* items(text: string, from: number, problems?: Problems): Generator<Range> {
  const skip = (at: number): number => {
    let next = at;
    while (next < text.length && (text[next] as string).trim() === "") next++;
    return next;
  };
  let at = skip(from + 1);
  if (text[at] !== "]") {
    for (;;) {
      const end = valueEnd(text, at);
      yield { start: at, end };
      at = skip(end);
      if (text[at] !== ",") break;
      at = skip(at + 1);
    }
  }
  if (text[at] !== "]") problems?.add(at, at, "broken-row", "the array is not closed here", 'end it with "]"');
  else if (skip(at + 1) < text.length)
    problems?.add(skip(at + 1), skip(at + 1), "broken-row", "there is text after the array", "remove it");
}

/** The end of the value at an offset: before the comma or bracket that ends the item. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      at++;
      while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
    } else if (character === "[" || character === "{") depth++;
    else if (character === "]" || character === "}") {
      depth--;
      if (depth <= 0) return depth < 0 ? at : at + 1;
    } else if (character === "," && depth === 0) return at;
  }
  return text.length;
}

function readRecords(
  source: SourceText,
  ranges: Iterable<Range>,
  problems: Problems,
  { noun, help }: { readonly noun: string; readonly help: string },
): Result<DataTable> {
  const columns: string[] = [];
  const at = new Map<string, number>();
  const sparse: Cell[][] = [];
  const spans: Range[] = [];
  for (const { start, end } of ranges) {
    const value = parseRecord(source.text.slice(start, end), noun);
    if (typeof value === "string") {
      problems.add(start, end, "broken-row", value, help);
      continue;
    }
    const row: Cell[] = [];
    for (const [key, cell] of value) {
      const column = at.get(key) ?? columns.push(key) - 1;
      at.set(key, column);
      row[column] = cell;
    }
    sparse.push(row);
    spans.push({ start, end });
  }
  if (!problems.any && sparse.length === 0) problems.add(0, 0, "no-rows", "the file has no rows");
  if (columns.length * sparse.length > tableLimits.cells) {
    const what = `${sparse.length} rows with ${columns.length} different keys`;
    problems.add(0, 0, "table-too-large", `the file has ${what}`, "remove keys that the study does not use");
  }
  if (problems.any) return problems.result();
  const rows = sparse.map((row) => Array.from(columns, (_, column) => row[column] ?? ""));
  const span = (row: number): Span => ({ source, ...(spans[row] as Range) });
  return { ok: true, value: { columns, rows, source, header: span(0), span }, warnings: problems.warnings };
}

/** The cells of a record by column, or what is wrong with it. */
function parseRecord(text: string, noun: string): readonly (readonly [string, Cell])[] | string {
  try {
    const value = parseJson(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return `the ${noun} is no JSON object`;
    return Object.entries(value).map(([key, cell]) => [key, asCell(cell)]);
  } catch (error) {
    // The parser accepts any depth, and the writer of a cell does not.
    if (error instanceof RangeError) return "values are nested too deeply";
    return `not JSON: ${(error as Error).message}`;
  }
}
