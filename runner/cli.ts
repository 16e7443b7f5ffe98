#!/usr/bin/env node
import { setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { type CommandSpec, commands } from "./commands/index.ts";
import { systemFailure } from "./execution/system.ts";
import { cacheRoot } from "./setup/cache.ts";
import type { Context } from "./util/context.ts";

const DONE = 0;
const FAILED = 1;
const INVALID = 2;
const INTERRUPTED = 130;

const packageRoot = fileURLToPath(new URL("..", import.meta.url));

function version(): string {
  const { version } = JSON.parse(readFileSync(`${packageRoot}package.json`, "utf8")) as { version: string };
  return version;
}

/** What a command may touch of the process: argv, environment, streams and signals are read here and nowhere else. */
function openContext(): Context {
  const stop = new AbortController();
  const kill = new AbortController();
  // Every waiting step listens, and a sweep has thousands of them.
  setMaxListeners(0, stop.signal, kill.signal);
  process.on("SIGINT", () => {
    if (stop.signal.aborted) kill.abort();
    else stop.abort();
  });
  // A batch system may say so more than once: when it warns, and when the time is over. Saving goes on meanwhile.
  process.on("SIGTERM", () => stop.abort());
  const env = process.env;
  return {
    cwd: process.cwd(),
    env,
    packageRoot,
    version,
    tty: process.stdout.isTTY === true && env.CI === undefined && env.TERM !== "dumb",
    color: process.stdout.isTTY === true && (env.NO_COLOR ?? "") === "",
    columns: process.stdout.columns ?? 100,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    stop: stop.signal,
    kill: kill.signal,
  };
}

function declare(program: Command, spec: CommandSpec, finish: (code: number) => void): void {
  const command = program.command(spec.usage, { hidden: spec.hidden === true }).description(spec.summary);
  for (const [flags, description, parse, initial] of spec.options) {
    const option = command.createOption(flags, description);
    if (parse !== undefined) option.argParser(parse).default(initial, "none");
    command.addOption(option);
  }
  command.action(async (...args: unknown[]) => {
    const options = args.at(-2) as Record<string, unknown>;
    const { command: act } = await spec.load();
    const context = openContext();
    const code = await act(args.slice(0, -2), options, context);
    finish(context.stop.aborted && code !== DONE ? INTERRUPTED : code);
  });
}

/**
 * `exp ls | head` closes our stdout early: nobody reads on, which is no reason to crash or to end a training. Neither is a full
 * disk behind `> file`, but that is said, and the exit code is no success.
 */
function outliveReader(): { readonly unwritten: () => boolean } {
  let unwritten = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") return;
      if (error.syscall !== "write") throw error;
      unwritten = true;
      if (stream === process.stdout) process.stderr.write(`exp: its output cannot be written: ${error.message}\n`);
    });
  }
  return { unwritten: () => unwritten };
}

/** Where Node can (22.8 and newer), keeps what it has compiled of a command for the next time; where not, nothing is lost. */
function rememberCompiled(): void {
  const { enableCompileCache } = module as { enableCompileCache?: (folder: string) => unknown };
  enableCompileCache?.(join(cacheRoot(process.env), "compiled"));
}

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === "--version" || argv[0] === "-V") {
    process.stdout.write(`${version()}\n`);
    return DONE;
  }
  rememberCompiled();
  let code = DONE;
  const program = new Command("exp")
    .description("Declarative LLM fine-tuning studies: YAML in, a fine-tuned and honestly evaluated model out.")
    .option("-V, --version", "print the version")
    .showSuggestionAfterError()
    .exitOverride();
  for (const spec of commands) declare(program, spec, (result) => (code = result));
  program.addHelpText(
    "after",
    "\nExit codes: 0 done; 1 a step failed; 2 invalid experiment or usage; 3 a verification said no; 130 interrupted.",
  );
  if (argv.length === 0) {
    process.stdout.write(program.helpInformation());
    return INVALID;
  }
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : INVALID;
    const failure = systemFailure(error);
    if (failure === undefined) throw error;
    process.stderr.write(`exp ${argv[0]}: ${failure.message} [${failure.code}]\n  help: ${failure.help}\n`);
    return FAILED;
  }
  return code;
}

const { unwritten } = outliveReader();
process.on("exit", () => {
  if (unwritten() && process.exitCode === DONE) process.exitCode = FAILED;
});
process.exitCode = await main(process.argv.slice(2));
