import { appendFileSync, mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { readStart } from "../util/regular-file.ts";
import { writeFileAtomic } from "../util/write-file.ts";

/** Bytes that are read of a log. */
const largest = 500_000_000;

/** The name of this host as a part of a file name. Logs of a shared cache folder have one file per host. */
export const hostFileName = (): string => hostname().replace(/[^\w.-]/g, "_") || "host";

/**
 * A cache in an append-only file that several processes share. No operation throws: a failure to read or write loses cached
 * lines, never more. A killed process or concurrent writes may tear a line, so every line needs a checksum.
 */
export class AppendLog {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The bytes of the file; none if it cannot be read. Of a very large file, its start. */
  read(): Buffer {
    try {
      return readStart(this.path, largest);
    } catch {
      return Buffer.alloc(0);
    }
  }

  /** Appends complete lines in one write. */
  append(lines: string | Buffer): void {
    ignoringErrors(() => {
      mkdirSync(dirname(this.path), { recursive: true });
      // The first newline ends a line that a killed process has left incomplete.
      appendFileSync(this.path, typeof lines === "string" ? `\n${lines}` : Buffer.concat([Buffer.from("\n"), lines]));
    });
  }

  /** Replaces the content. Loses lines that other processes append at the same time. */
  rewrite(content: string | Buffer): void {
    ignoringErrors(() => writeFileAtomic(this.path, content));
  }
}

function ignoringErrors(work: () => void): void {
  try {
    work();
  } catch {
    // A cache that cannot be written is slow, not wrong.
  }
}
