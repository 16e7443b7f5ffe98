import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { diskNow } from "./filesystem-clock.ts";
import { lifeOf, parseOwner, thisOwner } from "./process-identity.ts";
import { names } from "./records.ts";

/** How often a process shows other hosts that it lives, in ms. */
const HEARTBEAT = 30_000;
/** A process on another host is taken for dead after this long without a heartbeat, by the filesystem's clock. */
const SILENCE = 24 * 3_600_000;
/** A file without an owner's line was left by a process that was killed between two system calls, in ms. */
const UNFINISHED = 60_000;

/** This process's file `running/<id>`: its owner, then the objects that it uses, one a line. */
export class Running {
  readonly #folder: string;
  readonly #id = `${process.pid}-${randomBytes(6).toString("hex")}`;
  readonly #used = new Set<string>();
  #fd: number | undefined;
  #heart: NodeJS.Timeout | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Names this process in what it stages. The file is there from then on, even where artifacts/ was deleted meanwhile. */
  id(): string {
    if (this.#fd !== undefined && !existsSync(join(this.#folder, this.#id))) this.close();
    this.#open();
    return this.#id;
  }

  /** Keeps an object from being collected until this process ends. */
  use(object: string): void {
    if (this.#used.has(object)) return;
    writeFileSync(this.#open(), `${object}\n`);
    this.#used.add(object);
  }

  close(): void {
    if (this.#fd === undefined) return;
    clearInterval(this.#heart);
    closeSync(this.#fd);
    rmSync(join(this.#folder, this.#id), { force: true });
    this.#fd = undefined;
    this.#used.clear();
  }

  #open(): number {
    if (this.#fd !== undefined) return this.#fd;
    mkdirSync(this.#folder, { recursive: true });
    const path = join(this.#folder, this.#id);
    const fd = openSync(path, "ax");
    try {
      writeFileSync(fd, `${JSON.stringify(thisOwner())}\n`);
    } catch (error) {
      closeSync(fd);
      rmSync(path, { force: true });
      throw error;
    }
    this.#fd = fd;
    this.#heart = setInterval(() => {
      try {
        // Not by setting a time, which would be this host's.
        writeSync(fd, "\n");
      } catch {
        // The store was deleted under us; what is written next says so.
      }
    }, HEARTBEAT).unref();
    return fd;
  }
}

/** Who uses the store now. */
export type Processes = {
  /** Ids of living processes. */
  readonly living: ReadonlySet<string>;
  /** Every object that a living process uses. */
  readonly objects: ReadonlySet<string>;
  /** Files of processes that are gone. */
  readonly left: readonly string[];
};

/** Reads every process's file, and judges whether it lives. With `looking` nothing is written: ages are then by this host's clock. */
export function processes(folder: string, looking = false): Processes {
  const living = new Set<string>();
  const objects = new Set<string>();
  const left: string[] = [];
  for (const id of names(folder)) {
    const path = join(folder, id);
    const text = readIfThere(path);
    if (text === undefined || id.startsWith(".")) continue;
    const [first = "", ...used] = text.split("\n");
    if (isGone(path, first, Date.now()) && (looking || isGone(path, first, diskNow(folder)))) {
      left.push(path);
      continue;
    }
    living.add(id);
    for (const object of used) if (object !== "") objects.add(object);
  }
  return { living, objects, left };
}

/** Whether a process is gone: known of one in this realm, told by the age of its file elsewhere. Never where the time is unknown. */
function isGone(path: string, firstLine: string, now: number | undefined): boolean {
  const owner = parseOwner(firstLine);
  const life = owner ? lifeOf(owner) : "unknown";
  if (life !== "unknown") return life === "dead";
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined || (now !== undefined && now - stat.mtimeMs > (owner ? SILENCE : UNFINISHED));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
