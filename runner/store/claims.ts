import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../util/names-in.ts";
import { readOwnFile } from "../util/regular-file.ts";
import { filesystemNow } from "./filesystem-clock.ts";
import { livenessOf, parseProcess, thisProcess } from "./process-identity.ts";

/** Interval at which a process writes a heartbeat for other hosts. ms */
const heartbeatInterval = 30_000;
/** A process on another host is dead after this time without a heartbeat, by the filesystem's clock. ms */
const heartbeatTimeout = 24 * 3_600_000;
/** Age from which a file without a complete first line counts as abandoned. ms */
const incompleteTimeout = 60_000;

/** The file `running/<id>` of this process: its identity, then the names that it claims, one a line. */
export class Claims {
  readonly #folder: string;
  readonly #id = `${process.pid}-${randomBytes(6).toString("hex")}`;
  readonly #claimed = new Set<string>();
  #fd: number | undefined;
  #heart: NodeJS.Timeout | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The id of this process, for names in staging/. Creates the file, also if artifacts/ was deleted meanwhile. */
  id(): string {
    if (this.#fd !== undefined && !existsSync(join(this.#folder, this.#id))) this.release();
    this.#open();
    return this.#id;
  }

  /** Keeps an object, work folder or snapshot from being deleted until this process ends. */
  add(name: string): void {
    if (this.#claimed.has(name)) return;
    writeFileSync(this.#open(), `${name}\n`);
    this.#claimed.add(name);
  }

  /** Ends all claims. */
  release(): void {
    if (this.#fd === undefined) return;
    clearInterval(this.#heart);
    closeSync(this.#fd);
    rmSync(join(this.#folder, this.#id), { force: true });
    this.#fd = undefined;
    this.#claimed.clear();
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    mkdirSync(this.#folder, { recursive: true });
    const path = join(this.#folder, this.#id);
    const fd = openSync(path, "ax");
    try {
      writeFileSync(fd, `${JSON.stringify(thisProcess())}\n`);
    } catch (error) {
      closeSync(fd);
      rmSync(path, { force: true });
      throw error;
    }
    this.#fd = fd;
    this.#heart = setInterval(() => {
      try {
        // A write gets its time stamp from the filesystem's clock. utimes would use the clock of this host.
        writeSync(fd, "\n");
      } catch {
        // The store was deleted. The next write to it reports that.
      }
    }, heartbeatInterval).unref();
    return fd;
  }
}

/** Which processes use the store, and what they claim. */
export type ActiveClaims = {
  /** Ids of running processes. */
  readonly processes: ReadonlySet<string>;
  /** Every name that a running process claims. */
  readonly claimed: ReadonlySet<string>;
  /** Files of dead processes. */
  readonly abandoned: readonly string[];
};

/** Reads the claims of every process. `readOnly` measures ages by the clock of this host, since the other takes a file. */
export function activeClaims(folder: string, readOnly = false): ActiveClaims {
  const processes = new Set<string>();
  const claimed = new Set<string>();
  const abandoned: string[] = [];
  for (const id of namesIn(folder)) {
    const path = join(folder, id);
    const text = readIfThere(path);
    if (text === undefined || id.startsWith(".")) continue;
    const [first = "", ...names] = text.split("\n");
    if (isDead(path, first, Date.now()) && (readOnly || isDead(path, first, filesystemNow(folder)))) {
      abandoned.push(path);
      continue;
    }
    processes.add(id);
    for (const name of names) if (name !== "") claimed.add(name);
  }
  return { processes, claimed, abandoned };
}

/** Whether a process is dead. In another realm the age of its file decides; false if the time is unknown. */
function isDead(path: string, firstLine: string, now: number | undefined): boolean {
  const process = parseProcess(firstLine);
  const liveness = process ? livenessOf(process) : "unknown";
  if (liveness !== "unknown") return liveness === "dead";
  const stat = statSync(path, { throwIfNoEntry: false });
  return (
    stat === undefined || (now !== undefined && now - stat.mtimeMs > (process ? heartbeatTimeout : incompleteTimeout))
  );
}

function readIfThere(path: string): string | undefined {
  try {
    return readOwnFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
