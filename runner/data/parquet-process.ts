import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import type { FileMetaData } from "hyparquet";
import { UserError } from "../util/user-error.ts";
import { tableLimits } from "./table-limits.ts";

/** A row of a parquet file: column -> value. */
export type ParquetRecord = Readonly<Record<string, unknown>>;

/** What the process sends: rows, or why there are none. */
type Message =
  | { readonly rows: readonly ParquetRecord[] }
  | { readonly error: string }
  | { readonly isTooLarge: true }
  | { readonly done: true };

/**
 * The program of the process. The system decompresses gzip: the library's own function does not end for damaged bytes.
 * Times stay integers, because a Date cannot hold them.
 */
const program = `
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
const [library, codecs, limit] = process.argv.slice(1);
const { parquetReadObjects } = await import(library);
const { compressors } = await import(codecs);
const send = (message) => new Promise((resolve) => process.send(message, resolve));
const raw = (value) => value;
const lengthOf = (value) =>
  typeof value === "string"
    ? value.length
    : typeof value === "object" && value !== null && !ArrayBuffer.isView(value)
      ? Object.values(value).reduce((sum, one) => sum + lengthOf(one), 0)
      : 0;
process.once("message", async (metadata) => {
  try {
    const bytes = await buffer(process.stdin);
    const rows = await parquetReadObjects({
      file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
      metadata,
      compressors: {
        ...compressors,
        GZIP: (page, maxOutputLength) => gunzipSync(page, { maxOutputLength }),
        BROTLI: (page, maxOutputLength) => brotliDecompressSync(page, { maxOutputLength }),
      },
      parsers: { uuidFromBytes: raw, timestampFromMicroseconds: raw, timestampFromNanoseconds: raw },
    });
    let characters = 0;
    for (const row of rows) if ((characters += lengthOf(row)) > Number(limit)) return await send({ isTooLarge: true });
    for (let at = 0; at < rows.length; at += 5000) await send({ rows: rows.slice(at, at + 5000) });
    await send({ done: true });
  } catch (error) {
    await send({ error: String(error.message) });
  } finally {
    process.disconnect();
  }
});
`;

/** Address space of the process, in KiB: it has 1 GiB before it reads, and 500 MB of texts take 3 GiB. */
const addressSpace = 8 * 2 ** 20;

/**
 * Decodes a parquet file in a process with limits. The lengths and counts in each page are claims of the file, and the
 * library believes them: a damaged page can take all memory, or never end. Throws UserError `broken-file` or
 * `table-too-large`.
 */
export function decodeParquet(bytes: Uint8Array, metadata: FileMetaData): Promise<readonly ParquetRecord[]> {
  const { resolve: find } = createRequire(import.meta.url);
  const seconds = 20 + Math.ceil(bytes.length / 1e6);
  const limited = `ulimit -t ${seconds}; ulimit -v ${addressSpace} 2>/dev/null; exec "$@"`;
  // The trap handler would reserve the whole address space for the WebAssembly of Snappy.
  const flags = ["--disable-wasm-trap-handler", "--max-old-space-size=4096", "--input-type=module"];
  const node = [process.execPath, ...flags, "-e", program, "--"];
  const given = [find("hyparquet"), find("hyparquet-compressors"), String(tableLimits.characters)];
  const child = spawn("/bin/sh", ["-c", limited, "sh", ...node, ...given], {
    cwd: "/",
    env: { PATH: process.env.PATH },
    // Ctrl-C reaches exp only, which ends this process when it ends.
    detached: true,
    stdio: ["pipe", "ignore", "ignore", "ipc"],
    serialization: "advanced",
  });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const help = "split the file, remove columns that the study does not use, or write it as .jsonl";
  const tooLarge = (what: string): UserError => new UserError("table-too-large", `the file ${what}`, { help });
  return new Promise<readonly ParquetRecord[]>((resolve, reject) => {
    const rows: ParquetRecord[] = [];
    child.on("error", reject);
    child.on("message", (message: Message) => {
      if ("rows" in message) for (const row of message.rows) rows.push(row);
      else if ("error" in message) reject(new Error(message.error));
      else if ("isTooLarge" in message) reject(tooLarge(`has more than ${tableLimits.characters} characters`));
      else resolve(rows);
    });
    child.on("exit", (_code, signal) => {
      const isSlow = signal === "SIGXCPU" || signal === "SIGKILL";
      reject(tooLarge(isSlow ? `takes more than ${seconds} s of processor time` : "takes too much memory"));
    });
    // If the process has ended, its exit is the error.
    child.stdin?.on("error", () => {});
    child.send(metadata as object, () => {});
    child.stdin?.end(bytes);
  }).finally(() => {
    process.off("exit", kill);
    kill();
  });
}
