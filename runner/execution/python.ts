import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Json } from "../util/canonical.ts";
import type { Progress } from "../util/progress.ts";
import { UserError } from "../util/user-error.ts";
import { childEnvironment, type EnvironmentRequest } from "./environment.ts";
import { Interrupted, type Interrupts } from "./interrupt.ts";
import { type Exit, PythonProcess } from "./process.ts";
import { followLines, parseProgress } from "./progress.ts";
import { type Redact, redactor } from "./redact.ts";
import { tail } from "./tail.ts";

const schema = 1;

/** What the step measured of itself: "seconds", "peak_memory" in bytes, "device". */
export type Evidence = Readonly<Record<string, Json>>;

/** One Python step, with everything that it may see. All paths are absolute. */
export type PythonRequest = EnvironmentRequest & {
  /** Name of the environment, as `exp setup` takes it. */
  readonly environment: string;
  /** Dotted name, such as "recipes.steps.fetch". */
  readonly module: string;
  readonly step: string;
  readonly params: Json;
  readonly inputs: Readonly<Record<string, string>>;
  readonly localPaths: Readonly<Record<string, string>>;
  readonly output: string;
  /** Also holds request.json, progress.jsonl and result.json. */
  readonly work: string;
};

/** How the runner follows a Python step. */
export type PythonControl = Interrupts & {
  readonly log: string;
  onProgress(progress: Progress): void;
  /**
   * Where the step finds a process that has loaded what it needs, and leaves its own for the next: a process that answered well
   * stays. Without it, the process ends with its step.
   */
  readonly kept?: { process: PythonProcess | undefined };
};

/**
 * Runs one step module in a process group of its own and resolves to the evidence of its result.json. Throws
 * `UserError` with a stable code, or `Interrupted`. Nothing of the group outlives the call.
 */
export async function runPython(request: PythonRequest, control: PythonControl): Promise<Evidence> {
  if (control.stop.aborted || control.kill.aborted) throw new Interrupted(request.step);
  if (!existsSync(request.python)) throw missing(request);
  const redact = redactor(process.env, request.secrets);
  const files = writeRequest(request, control);
  const progress = followLines(files.progress, (line) => {
    const update = parseProgress(redact(line));
    if (update !== undefined) control.onProgress(update);
  });
  const before = oomKills();
  let exit: Exit | undefined;
  try {
    exit = await work(request, files.request, control, redact);
  } finally {
    await progress.end();
  }
  const result = readResult(files.result, redact);
  if (result?.status === "ok") return result.evidence;
  if (result?.status === "interrupted" || control.kill.aborted) throw new Interrupted(request.step);
  const log = control.log;
  if (result?.status === "failed") {
    throw new UserError(result.code, result.message, { help: result.help ?? undefined, log });
  }
  if (result === undefined && control.stop.aborted) throw new Interrupted(request.step);
  if (exit === undefined) throw garbled(request, log);
  if (exit.error === "ENOENT" || exit.error === "EACCES") throw missing(request);
  throw unanswered(request, exit, { log, oom: oomKills() > before, redact, garbled: result?.status === "garbled" });
}

/** Writes request.json and clears what an earlier attempt answered. */
function writeRequest(
  request: PythonRequest,
  { log, kept }: PythonControl,
): { request: string; progress: string; result: string } {
  const files = {
    request: join(request.work, "request.json"),
    progress: join(request.work, "progress.jsonl"),
    result: join(request.work, "result.json"),
  };
  const { step, params, inputs, localPaths, output, work, cores } = request;
  const { progress, result } = files;
  const stays = kept !== undefined;
  const body = {
    schema,
    step,
    params,
    inputs,
    local_paths: localPaths,
    output,
    work,
    progress,
    result,
    cores,
    log,
    reusable: stays,
  };
  writable(work, () => {
    mkdirSync(work, { recursive: true });
    rmSync(files.progress, { force: true });
    rmSync(files.result, { force: true });
    writeFileSync(files.request, `${JSON.stringify(body, null, 1)}\n`);
  });
  return files;
}

/** Appends to the step's log from here on. */
function openLog(path: string, head: string): number {
  return writable(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    const log = openSync(path, "a");
    writeSync(log, head);
    return log;
  });
}

/** A disk that is full or may not be written is the user's to mend. */
function writable<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    const help = "free some space, or see who may write there";
    throw new UserError("cannot-write", `cannot write ${path}: ${(error as Error).message}`, { help });
  }
}

/** Has a process that stayed, or else a new one, work on the request, and waits until it has answered or is gone. */
async function work(
  request: PythonRequest,
  requestFile: string,
  control: PythonControl,
  redact: Redact,
): Promise<Exit | undefined> {
  const { kept } = control;
  const log = openLog(control.log, `== ${request.step}: python -m ${request.module} ==\n`);
  try {
    if (kept?.process?.alive) {
      kept.process.ask(requestFile);
    } else {
      const started = await PythonProcess.start({
        python: request.python,
        module: request.module,
        requestFile,
        cwd: request.work,
        env: childEnvironment(process.env, request),
        log,
        // A child without secrets writes straight to the log. The lines of one that has some, or that may quote the address of
        // a proxy with its password, are cleaned on the way.
        ...(request.secrets?.length || request.network ? { cleaned: { redact, file: control.log } } : {}),
      });
      if (kept === undefined) return await started.answer(control);
      kept.process = started;
    }
    const exit = await kept.process.answer(control);
    if (exit !== undefined) kept.process = undefined;
    return exit;
  } finally {
    closeSync(log);
  }
}

type Result =
  | { readonly status: "ok"; readonly evidence: Evidence }
  | { readonly status: "interrupted" | "garbled" }
  | { readonly status: "failed"; readonly code: string; readonly message: string; readonly help: string | null };

/** Reads result.json: undefined where there is none, "garbled" where it is not what the protocol says. */
function readResult(path: string, redact: Redact): Result | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  let value: { readonly [name: string]: Json | undefined };
  try {
    value = JSON.parse(redact(text));
  } catch {
    return { status: "garbled" };
  }
  if (value === null || value.schema !== schema) return { status: "garbled" };
  const { status, code, message, help, evidence } = value;
  if (status === "interrupted") return { status };
  if (status === "ok" && isRecord(evidence)) return { status, evidence };
  if (status === "failed" && typeof code === "string" && typeof message === "string") {
    return { status, code, message, help: typeof help === "string" ? help : null };
  }
  return { status: "garbled" };
}

function isRecord(value: Json | undefined): value is Evidence {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function missing(request: PythonRequest): UserError {
  return new UserError(
    "environment-missing",
    `no Python environment "${request.environment}": ${request.python} cannot be run`,
    {
      help: `run: npx exp setup ${request.environment}`,
    },
  );
}

/** Explains a child that ended without a usable answer. */
function unanswered(
  request: PythonRequest,
  exit: Exit,
  seen: { readonly log: string; readonly oom: boolean; readonly redact: Redact; readonly garbled: boolean },
): UserError {
  const { log } = seen;
  const cause = lastException(tail(log, 40));
  if (cause?.startsWith("ModuleNotFoundError") && !cause.includes("'recipes")) {
    const help = `the environment is incomplete; run: npx exp setup ${request.environment}`;
    return new UserError("environment-incomplete", seen.redact(cause), { help, log });
  }
  if (exit.signal === "SIGKILL") {
    const help = "give it less to hold at once (batch size, sequence length) or a machine with more memory";
    return seen.oom
      ? new UserError("out-of-memory", `${request.step} was ended by the system: out of memory`, { help, log })
      : new UserError("killed", `${request.step} was killed (SIGKILL), most often because memory ran out`, {
          help,
          log,
        });
  }
  if (exit.signal !== undefined) {
    return new UserError("crashed", `${request.step} crashed (${exit.signal})`, { help: "its log says more", log });
  }
  if (exit.error !== undefined) {
    return new UserError("crashed", `${request.step} could not be started: ${exit.error}`, { log });
  }
  if (seen.garbled) return garbled(request, log);
  if (exit.code === 0) {
    return new UserError("no-result", `${request.step} ended without an answer`, { help: "its log says more", log });
  }
  const message = cause ?? `${request.step} ended with exit code ${exit.code} and no answer`;
  return new UserError("crashed", seen.redact(message), { help: "its log says more", log });
}

function garbled({ step }: PythonRequest, log: string): UserError {
  const message = `${step} answered in a form that this version of exp does not know`;
  return new UserError("no-result", message, { help: "its result.json lies in the work folder", log });
}

/** The line of a traceback that names the error. */
function lastException(lines: readonly string[]): string | undefined {
  return lines.findLast((line) => /^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)(:|$)/.test(line));
}

/** How often this system's kernel has ended a process for want of memory; 0 where it does not tell. */
function oomKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync("/proc/vmstat", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
