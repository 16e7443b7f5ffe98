import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, constants, copyFileSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { type MetricAnswer, type MetricProcess, metricLanguages } from "../plugins/metrics/own-metric.ts";
import type { Json } from "../util/canonical.ts";
import { bytesOf } from "../util/size.ts";
import { UserError } from "../util/user-error.ts";
import { childEnvironment } from "./environment.ts";
import { holdGroup, releaseGroup } from "./process-groups.ts";

/** How the process of a metric is started. */
export type MetricStart = {
  /** The file with the functions; a copy of it runs. */
  readonly file: string;
  /** The path of the file in messages. */
  readonly shown: string;
  /** Seconds that one call may take. */
  readonly timeout: number;
  /** The memory that the process may use, as a size. */
  readonly memory: string;
  /** The interpreter for a Python file. Throws UserError if its environment is not ready. */
  python(): string;
  /** Folder that contains recipes/. */
  readonly packageRoot: string;
};

type Host = { readonly command: string; readonly args: readonly string[] };

/**
 * Starts the process of a metric: its functions cannot change exp, and it has limits of time and memory. Calls wait for
 * their answers, because statistics call a metric in their innermost loop; requests and answers are lines in two named
 * pipes.
 */
export function startMetric(start: MetricStart): MetricProcess {
  const folder = mkdtempSync(join(tmpdir(), "exp-metric-"));
  try {
    const copy = join(folder, `metric${extname(start.file)}`);
    copyFileSync(start.file, copy);
    const host = hostOf(start, copy);
    const requests = pipe(join(folder, "requests"));
    const answers = pipe(join(folder, "answers"));
    const env = childEnvironment(process.env, { python: host.command, cores: 1 });
    const child = spawn(host.command, host.args, {
      cwd: folder,
      env,
      detached: true,
      stdio: ["ignore", "ignore", "ignore", requests.read, answers.write],
    });
    child.on("error", () => {});
    closeSync(requests.read);
    closeSync(answers.write);
    const made = new Served(child, { folder, requests: requests.write, answers: answers.read }, start);
    made.loaded();
    return made;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function hostOf({ shown, timeout, memory, python, packageRoot }: MetricStart, copy: string): Host {
  const hosts = join(packageRoot, "recipes", "metrics");
  const bytes = bytesOf(memory);
  if (metricLanguages[extname(copy)] === "python")
    return { command: python(), args: [join(hosts, "host.py"), copy, shown, String(timeout), String(bytes)] };
  const flags = [`--max-old-space-size=${Math.max(16, Math.floor(bytes / 2 ** 20))}`, "--no-warnings"];
  return { command: process.execPath, args: [...flags, join(hosts, "host.mjs"), copy, shown, String(timeout)] };
}

/** A named pipe with both ends open. Its ends close separately, so that each side notices the end of the other. */
function pipe(path: string): { readonly read: number; readonly write: number } {
  execFileSync("mkfifo", ["-m", "600", path]);
  // Opening an end waits for the other end, unless one is open for both.
  const both = openSync(path, constants.O_RDWR);
  const ends = { read: openSync(path, constants.O_RDONLY), write: openSync(path, constants.O_WRONLY) };
  closeSync(both);
  return ends;
}

type Ends = { readonly folder: string; readonly requests: number; readonly answers: number };

/** A process that answers calls. */
class Served implements MetricProcess {
  readonly #child: ChildProcess;
  readonly #ends: Ends;
  readonly #start: MetricStart;
  readonly #buffer = Buffer.alloc(65536);
  #rest: Buffer = Buffer.alloc(0);
  #isClosed = false;

  constructor(child: ChildProcess, ends: Ends, start: MetricStart) {
    this.#child = child;
    this.#ends = ends;
    this.#start = start;
    if (child.pid !== undefined) holdGroup(child.pid);
  }

  /** Waits until the file is loaded. */
  loaded(): void {
    this.#answer("load");
  }

  call(name: "contribute" | "value", args: readonly Json[]): MetricAnswer {
    const line = Buffer.from(`${JSON.stringify([name, ...args])}\n`);
    try {
      for (let at = 0; at < line.length; ) at += writeSync(this.#ends.requests, line, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
      throw this.#ended(name);
    }
    return this.#answer(name);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#ends.requests);
    closeSync(this.#ends.answers);
    const { pid } = this.#child;
    if (pid !== undefined) releaseGroup(pid);
    this.#child.unref();
    rmSync(this.#ends.folder, { recursive: true, force: true });
  }

  #answer(name: string): MetricAnswer {
    const line = this.#line();
    if (line === undefined) throw this.#ended(name);
    const { shown, timeout } = this.#start;
    const parsed = parsedAnswer(line);
    if (parsed === undefined) {
      this.close();
      throw new UserError("metric-failed", `${shown}: ${name} writes to the pipe of its answers`, {
        help: "correct the file: a function gives its result to exp by returning it",
      });
    }
    const { error, ...answer } = parsed;
    if (error === undefined) return answer;
    const place = typeof error.line === "number" ? `${shown}:${error.line}` : shown;
    this.close();
    if (error.slow === true) {
      throw new UserError("metric-too-slow", `${place}: ${name} takes longer than ${timeout} s for one call`, {
        help: "make it faster, or raise the timeout of the metric",
      });
    }
    if (error.type === "MemoryError") {
      throw new UserError("metric-failed", `${place}: MemoryError in ${name}`, {
        help: "use less memory, or raise the memory of the metric",
      });
    }
    const isImport =
      /^(ModuleNotFoundError|ERR_MODULE_NOT_FOUND)/.test(error.type) ||
      /Cannot find (module|package)/.test(error.message);
    throw new UserError("metric-failed", `${place}: ${error.type}: ${error.message}`, {
      help: isImport
        ? "a metric is one file; a Python file can import packages of its environment, a JavaScript file those of Node.js"
        : `correct ${name === "load" ? "the file" : `the function ${name}`}`,
    });
  }

  /** The next line, or as much of it as an answer may have; undefined if the process has ended. */
  #line(): string | undefined {
    // An answer may have many parts, so that they are joined once.
    const parts: Buffer[] = [];
    for (let length = 0; length <= longestAnswer; ) {
      const end = this.#rest.indexOf(10);
      parts.push(end < 0 ? this.#rest : this.#rest.subarray(0, end));
      length += this.#rest.length;
      this.#rest = end < 0 ? Buffer.alloc(0) : this.#rest.subarray(end + 1);
      if (end >= 0) return Buffer.concat(parts).toString("utf8");
      const size = readSync(this.#ends.answers, this.#buffer);
      if (size === 0) return undefined;
      this.#rest = Buffer.from(this.#buffer.subarray(0, size));
    }
    return "";
  }

  #ended(name: string): UserError {
    const { shown, memory } = this.#start;
    this.close();
    return new UserError("metric-ended", `${shown}: the process ended during ${name}`, {
      help: `it may need more memory than ${memory} (the key memory of the metric), or it ended itself`,
    });
  }
}

/** Bytes of the longest answer. A call that returns many counters needs some megabytes. */
const longestAnswer = 64 * 2 ** 20;

/** The answer of a host; undefined for anything else, which only the code of the metric can have written. */
function parsedAnswer(line: string): (MetricAnswer & { readonly error?: Failure }) | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as MetricAnswer) : undefined;
  } catch {
    return undefined;
  }
}

type Failure = {
  readonly type: string;
  readonly message: string;
  readonly line?: number | null;
  readonly slow?: boolean;
};
