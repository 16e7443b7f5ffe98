/** Bytes at the start of a data file that are enough for its column names. */
export const headerBytes = 64 * 1024;

/** Column names of a .csv, .tsv or .jsonl file, from its first bytes; undefined where they cannot be told so early. */
export function columnsOf(path: string, bytes: Uint8Array): readonly string[] | undefined {
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  if (extension !== "csv" && extension !== "tsv" && extension !== "jsonl") return undefined;
  const text = decode(bytes);
  if (extension === "jsonl") return keysOfFirstLine(text);
  const records = extension === "tsv" ? ["\t"] : [",", ";", "\t", "|"];
  const candidates = records.map((separator) => firstRecord(text, separator));
  return candidates.reduce((best, next) => (next.length > best.length ? next : best));
}

function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

function keysOfFirstLine(text: string): readonly string[] | undefined {
  const line = text.split(/\r?\n/).find((one) => one.trim() !== "");
  try {
    const value: unknown = JSON.parse(line ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : undefined;
  } catch {
    return undefined;
  }
}

/** Cells of the first line, quotes undone; a line break inside quotes does not end it. */
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
