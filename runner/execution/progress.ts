import { type FileHandle, open } from "node:fs/promises";
import { type Progress, progressNumbers, progressTexts } from "../util/progress.ts";

const longestLine = 1 << 20;

/** Parses a line of progress.jsonl. Undefined if it is incomplete or has no known field. */
export function parseProgress(line: string): Progress | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const given = value as Record<string, unknown>;
  const known: Record<string, number | string> = {};
  for (const name of progressNumbers) {
    const number = given[name];
    if (typeof number === "number" && Number.isFinite(number)) known[name] = number;
  }
  for (const name of progressTexts) {
    const text = given[name];
    if (typeof text === "string") known[name] = text;
  }
  return Object.keys(known).length === 0 ? undefined : (known as Progress);
}

/**
 * Follows a file to which another process appends lines. File watchers miss changes on network disks, so the file is
 * polled five times a second, from where the last read ended. `end` reads the rest and stops.
 */
export function followLines(path: string, onLine: (line: string) => void): { end(): Promise<void> } {
  let file: FileHandle | undefined;
  let rest = Buffer.alloc(0);
  let reading: Promise<void> | undefined;
  const chunk = Buffer.alloc(64 * 1024);

  async function read(): Promise<void> {
    try {
      file ??= await open(path, "r");
    } catch {
      return;
    }
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      if (bytesRead === 0) return;
      rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
        onLine(rest.toString("utf8", start, end));
        start = end + 1;
      }
      rest = rest.length - start > longestLine ? Buffer.alloc(0) : rest.subarray(start);
    }
  }
  function poll(): Promise<void> {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  }
  const timer = setInterval(() => void poll().catch(() => {}), 200);
  timer.unref();
  return {
    async end() {
      clearInterval(timer);
      await reading?.catch(() => {});
      await poll().catch(() => {});
      await file?.close();
    },
  };
}
