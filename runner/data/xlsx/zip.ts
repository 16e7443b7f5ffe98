import { createInflateRaw } from "node:zlib";
import { brokenWorkbook, workbookLimits, workbookTooLarge } from "./limits.ts";

type Entry = { readonly isDeflated: boolean; readonly data: Buffer };

const endSize = 22;
const longestComment = 65_535;
const unset = 0xffffffff;

/** The files of a zip archive in memory. Reads only the directory; `text` unpacks a file while its content is used. */
export class Zip {
  readonly #entries: ReadonlyMap<string, Entry>;
  #left: number = workbookLimits.bytes;

  /** Throws UserError `broken-file`. */
  constructor(bytes: Buffer) {
    try {
      this.#entries = entriesOf(bytes);
    } catch {
      throw brokenWorkbook();
    }
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** The text of a file in parts; none if there is no such file. Throws UserError. */
  async *text(name: string): AsyncGenerator<string> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    let decoder: InstanceType<typeof TextDecoder> | undefined;
    for await (const chunk of entry.isDeflated ? inflate(entry.data) : [entry.data]) {
      this.#left -= chunk.length;
      if (this.#left < 0) throw workbookTooLarge(`more than ${workbookLimits.bytes / 1e6} MB of unpacked content`);
      decoder ??= new TextDecoder(encodingOf(chunk));
      yield decoder.decode(chunk, { stream: true });
    }
  }
}

async function* inflate(data: Buffer): AsyncGenerator<Buffer> {
  const stream = createInflateRaw({ chunkSize: 256 * 1024 });
  stream.end(data);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch {
    throw brokenWorkbook();
  }
}

function encodingOf([first, second]: Buffer): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

/** The entries of the central directory by name. Throws for anything that is no zip archive. */
function entriesOf(bytes: Buffer): ReadonlyMap<string, Entry> {
  const end = endOf(bytes);
  let count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  if (count === 0xffff || at === unset) {
    const end64 = Number(bytes.readBigUInt64LE(end - 20 + 8));
    count = Number(bytes.readBigUInt64LE(end64 + 32));
    at = Number(bytes.readBigUInt64LE(end64 + 48));
  }
  const entries = new Map<string, Entry>();
  for (let index = 0; index < count; index++) {
    expectSignature(bytes, at, 0x02014b50);
    const [flags, method] = [bytes.readUInt16LE(at + 8), bytes.readUInt16LE(at + 10)];
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => bytes.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    const name = bytes.toString("utf8", at + 46, at + 46 + nameLength);
    const extra = bytes.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    const { size, local } = placeOf(bytes, at, extra);
    at += 46 + nameLength + extraLength + commentLength;
    if ((flags & 1) === 1 || (method !== 0 && method !== 8)) continue;
    expectSignature(bytes, local, 0x04034b50);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    if (start + size > bytes.length) throw new RangeError(name);
    entries.set(name, { isDeflated: method === 8, data: bytes.subarray(start, start + size) });
  }
  return entries;
}

/** The compressed size and the offset of the local header. Large values are in the extra field of ZIP64. */
function placeOf(bytes: Buffer, at: number, extra: Buffer): { readonly size: number; readonly local: number } {
  const fields = [24, 20, 42].map((offset) => bytes.readUInt32LE(at + offset));
  for (let from = 0; from + 4 <= extra.length; from += 4 + extra.readUInt16LE(from + 2)) {
    if (extra.readUInt16LE(from) !== 1) continue;
    let next = from + 4;
    for (const [index, field] of fields.entries()) {
      if (field !== unset) continue;
      fields[index] = Number(extra.readBigUInt64LE(next));
      next += 8;
    }
  }
  return { size: fields[1] as number, local: fields[2] as number };
}

function endOf(bytes: Buffer): number {
  const first = Math.max(0, bytes.length - endSize - longestComment);
  for (let at = bytes.length - endSize; at >= first; at--) if (bytes.readUInt32LE(at) === 0x06054b50) return at;
  throw new RangeError("no end of central directory");
}

function expectSignature(bytes: Buffer, at: number, signature: number): void {
  if (bytes.readUInt32LE(at) !== signature) throw new RangeError("wrong signature");
}
