import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Json } from "../util/canonical.ts";
import type { Progress } from "../util/progress.ts";
import { UserError } from "../util/user-error.ts";
import { childEnvironment, type EnvironmentRequest } from "./environment.ts";
import { Interrupted, type Interrupts } from "./interrupt.ts";
import { lastLines } from "./log-tail.ts";
import { type Exit, PythonProcess } from "./process.ts";
import { followLines, parseProgress } from "./progress.ts";
import { type Redact, redactor } from "./redact.ts";
import type { WorkerLease } from "./worker-pool.ts";

const schema = 1;

/** What a step measured: "seconds", "peak_memory" in bytes, "device". */
export type Evidence = Readonly<Record<string, Json>>;

/** A request to run one step module. All paths are absolute. */
export type PythonRequest = EnvironmentRequest & {
  /** Folder that contains recipes/. */
  readonly code: string;
  /** Name of the environment, as `exp setup` takes it. */
  readonly environment: string;
  /** Dotted name, such as "recipes.steps.fetch". */
  readonly module: string;
  readonly step: string;
  readonly params: Json;
  readonly inputs: Readonly<Record<string, string>>;
  readonly localPaths: Readonly<Record<string, string>>;
  readonly output: string;
  /** Work folder; request.json, progress.jsonl and result.json are written there too. */
  readonly work: string;
};

/** How the runner observes and controls a Python step. */
export type PythonControl = Interrupts & {
  readonly log: string;
  onProgress(progress: Progress): void;
  /** Called with the process group that runs the request; undefined if it could not start. */
  onProcess?(group: number | undefined): void;
  /** The process to use, if it has loaded what the step needs. Absent: a new process, which ends with the step. */
  readonly worker?: WorkerLease | undefined;
};

/**
 * Runs a step module in its own process group and resolves to the evidence in its result.json. Throws `UserError` with
 * a stable code, or `Interrupted`. No process outlives the call, unless a worker keeps it.
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
    exit = await runProcess(request, files.request, control, redact);
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
  if (exit === undefined) throw invalidResult(request, log);
  if (exit.error === "ENOENT" || exit.error === "EACCES") throw missing(request);
  throw noResult(request, exit, { log, oom: oomKills() > before, redact, isInvalid: result?.status === "invalid" });
}

/** Writes request.json and removes the answer of an earlier attempt. */
function writeRequest(
  request: PythonRequest,
  { log, worker }: PythonControl,
): { request: string; progress: string; result: string } {
  const files = {
    request: join(request.work, "request.json"),
    progress: join(request.work, "progress.jsonl"),
    result: join(request.work, "result.json"),
  };
  const { step, params, inputs, localPaths, output, work, cores } = request;
  const { progress, result } = files;
  const stays = worker !== undefined;
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

/** Opens the step's log for appending and writes a heading. */
function openLog(path: string, head: string): number {
  return writable(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    const log = openSync(path, "a");
    writeSync(log, head);
    return log;
  });
}

/** Throws UserError `cannot-write` if the disk is full or not writable. */
function writable<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    const help = "free some space, or check the permissions";
    throw new UserError("cannot-write", `cannot write ${path}: ${(error as Error).message}`, { help });
  }
}

/** Sends the request to an idle or a new process. Resolves once it has answered, or to how it exited. */
async function runProcess(
  request: PythonRequest,
  requestFile: string,
  control: PythonControl,
  redact: Redact,
): Promise<Exit | undefined> {
  const { worker } = control;
  const log = openLog(control.log, `== ${request.step}: python -m ${request.module} ==\n`);
  try {
    const idle = worker?.take();
    idle?.send(requestFile);
    const process = idle ?? (await startProcess(request, { requestFile, log, file: control.log }, redact));
    control.onProcess?.(process.group);
    const exit = await process.answer(control);
    if (exit === undefined) worker?.keep(process);
    return exit;
  } finally {
    closeSync(log);
  }
}

function startProcess(
  request: PythonRequest,
  { requestFile, log, file }: { readonly requestFile: string; readonly log: number; readonly file: string },
  redact: Redact,
): Promise<PythonProcess> {
  return PythonProcess.start({
    python: request.python,
    module: request.module,
    code: request.code,
    requestFile,
    cwd: request.work,
    env: childEnvironment(process.env, request),
    log,
    // A child without secrets writes to the log directly. Lines are redacted if the child has secrets, or uses the
    // network: it may print the address of a proxy with its password.
    ...(request.secrets?.length || request.network ? { cleaned: { redact, file } } : {}),
  });
}

type Result =
  | { readonly status: "ok"; readonly evidence: Evidence }
  | { readonly status: "interrupted" | "invalid" }
  | { readonly status: "failed"; readonly code: string; readonly message: string; readonly help: string | null };

/** Reads result.json. Undefined without the file, "invalid" if it does not follow the protocol. */
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
    return { status: "invalid" };
  }
  if (value === null || value.schema !== schema) return { status: "invalid" };
  const { status, code, message, help, evidence } = value;
  if (status === "interrupted") return { status };
  if (status === "ok" && isRecord(evidence)) return { status, evidence };
  if (status === "failed" && typeof code === "string" && typeof message === "string") {
    return { status, code, message, help: typeof help === "string" ? help : null };
  }
  return { status: "invalid" };
}

function isRecord(value: Json | undefined): value is Evidence {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function missing(request: PythonRequest): UserError {
  return new UserError(
    "environment-missing",
    `no Python environment "${request.environment}": cannot run ${request.python}`,
    {
      help: `run: npx exp setup ${request.environment}`,
    },
  );
}

/** The error of a process that ended without a valid result. */
function noResult(
  request: PythonRequest,
  exit: Exit,
  seen: { readonly log: string; readonly oom: boolean; readonly redact: Redact; readonly isInvalid: boolean },
): UserError {
  const { log } = seen;
  const cause = lastException(lastLines(log, 40));
  if (cause?.startsWith("ModuleNotFoundError") && !cause.includes("'recipes")) {
    const help = `the environment is incomplete; run: npx exp setup ${request.environment}`;
    return new UserError("environment-incomplete", seen.redact(cause), { help, log });
  }
  if (exit.signal === "SIGKILL") {
    const help = "reduce the batch size or sequence length, or use a machine with more memory";
    return seen.oom
      ? new UserError("out-of-memory", `the system killed ${request.step}: out of memory`, { help, log })
      : new UserError("killed", `${request.step} was killed (SIGKILL), probably because memory ran out`, {
          help,
          log,
        });
  }
  if (exit.signal !== undefined) {
    return new UserError("crashed", `${request.step} crashed (${exit.signal})`, { help: "see its log", log });
  }
  if (exit.error !== undefined) {
    return new UserError("crashed", `${request.step} could not be started: ${exit.error}`, { log });
  }
  if (seen.isInvalid) return invalidResult(request, log);
  if (exit.code === 0) {
    return new UserError("no-result", `${request.step} ended without a result`, { help: "see its log", log });
  }
  const message = cause ?? `${request.step} ended with exit code ${exit.code} and no result`;
  return new UserError("crashed", seen.redact(message), { help: "see its log", log });
}

function invalidResult({ step }: PythonRequest, log: string): UserError {
  const message = `the result of ${step} is invalid in this version of exp`;
  return new UserError("no-result", message, { help: "see result.json in the work folder", log });
}

/** The line of a traceback that names the error. */
function lastException(lines: readonly string[]): string | undefined {
  return lines.findLast((line) => /^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)(:|$)/.test(line));
}

/** How often the kernel has killed a process because memory ran out. 0 if the system does not report it. */
function oomKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync("/proc/vmstat", "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
