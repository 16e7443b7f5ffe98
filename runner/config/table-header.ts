/** Number of bytes at the start of a data file that are read for its column names. */
export const headerBytes = 64 * 1024;

/** Column names at the start of a file. `complete` is false if a later line may have more. */
export type Header = { readonly columns: readonly string[]; readonly complete: boolean };

/** The columns of a text table or of JSON lines, from the file's first bytes; undefined for any other file. */
export function headerOf(path: string, bytes: Uint8Array): Header | undefined {
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  const text = decode(bytes);
  const whole = bytes.length < headerBytes;
  if (extension === "jsonl" || extension === "ndjson") return keysOfLines(text, whole);
  if (extension !== "csv" && extension !== "tsv" && extension !== "txt") return undefined;
  const separators = extension === "tsv" ? ["\t"] : [",", ";", "\t", "|"];
  const candidates = separators.map((separator) => firstRecord(text, separator));
  return { columns: candidates.reduce((best, next) => (next.length > best.length ? next : best)), complete: true };
}

function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0))
    return new TextDecoder("utf-16le").decode(bytes);
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0))
    return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** Keys of all complete lines. Lines that are no objects are ignored; the reader of the rows reports them. */
function keysOfLines(text: string, whole: boolean): Header {
  const lines = text.split(/\r?\n/);
  const keys = (whole ? lines : lines.slice(0, -1)).flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
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
