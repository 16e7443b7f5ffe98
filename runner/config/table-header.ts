import { decode } from "../data/decode.ts";
import { formatByContent, formatByName } from "../data/formats.ts";
import { startOfGzip } from "../data/gzip.ts";
import { startOfJson } from "../data/json-table.ts";

/** Number of bytes at the start of a data file that are read for its column names. */
export const headerBytes = 64 * 1024;

/** Column names at the start of a file. `complete` is false if a later line may have more. */
export type Header = { readonly columns: readonly string[]; readonly complete: boolean };

/** The columns of a text table or of JSON records, from the file's first bytes; undefined for any other content. */
export function headerOf(path: string, bytes: Uint8Array): Header | undefined {
  const found = formatByName(path);
  if (found === undefined || found.format === "xlsx" || found.format === "parquet") return undefined;
  const whole = bytes.length < headerBytes;
  const content = found.isGzip ? startOfGzip(bytes, 2_000 * headerBytes) : bytes;
  if (content.length === 0 || formatByContent(content) !== undefined) return undefined;
  const { text } = decode(content, true);
  if (found.format === "jsonl" || found.format === "json") return keysOfRecords(text, found.format === "json", whole);
  const separators = found.format === "tsv" ? ["\t"] : [",", ";", "\t", "|"];
  const candidates = separators.map((separator) => firstRecord(text, separator));
  return { columns: candidates.reduce((best, next) => (next.length > best.length ? next : best)), complete: true };
}

/** Keys of all complete records. Values that are no objects are ignored; the reader of the rows reports them. */
function keysOfRecords(text: string, isJson: boolean, whole: boolean): Header {
  const records = startOfJson(text, isJson);
  const keys = (whole ? records : records.slice(0, -1)).flatMap((record) => {
    try {
      const value: unknown = JSON.parse(record);
      return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
    } catch {
      return [];
    }
  });
  return { columns: [...new Set(keys)], complete: whole };
}

/** Cells of the first line, without quotes. A line break inside quotes does not end it. */
function firstRecord(text: string, separator: string): readonly string[] {
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  const start = /^[\r\n]*/.exec(text)?.[0].length ?? 0;
  for (let at = start; at < text.length; at++) {
    const char = text.charAt(at);
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') {
        cell += char;
        at++;
      } else quoted = false;
    } else if (char === '"' && cell.trim() === "") {
      quoted = true;
      cell = "";
    } else if (char === "\n" || char === "\r") break;
    else if (char === separator) {
      cells.push(cell.trim());
      cell = "";
    } else cell += char;
  }
  return [...cells, cell.trim()];
}
