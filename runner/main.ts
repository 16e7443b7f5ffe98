import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { type CommandSpec, commands } from "./commands/index.ts";
import { systemFailure } from "./execution/system.ts";
import { type Context, exit } from "./util/context.ts";
import { UserError } from "./util/user-error.ts";

/** What the command line may touch of its process. cli.ts passes the real one; tests pass their own. */
export type Io = Pick<Context, "cwd" | "env" | "out" | "err"> &
  Partial<Pick<Context, "packageRoot" | "tty" | "color" | "columns" | "stop" | "kill">>;

/** Runs one command line and returns its exit code. `argv` has neither the interpreter nor the script. Throws only on a bug. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const context = contextOf(io);
  if (argv[0] === "--version" || argv[0] === "-V") {
    context.out(`${context.version()}\n`);
    return exit.done;
  }
  let code: number = exit.done;
  const program = new Command("exp")
    .description("Declarative LLM fine-tuning studies: YAML in, a fine-tuned and honestly evaluated model out.")
    .option("-V, --version", "print the version")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: context.out,
      writeErr: context.err,
      getOutHelpWidth: () => context.columns,
      getErrHelpWidth: () => context.columns,
      getOutHasColors: () => context.color,
      getErrHasColors: () => context.color,
    });
  for (const spec of commands) declare(program, spec, context, (result) => (code = result));
  program.addHelpText(
    "after",
    "\nExit codes: 0 done; 1 a step failed; 2 invalid experiment or usage; 3 a verification said no; 130 interrupted.",
  );
  if (argv.length === 0) {
    context.out(program.helpInformation());
    return exit.invalid;
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.done : exit.invalid;
    const failure = error instanceof UserError ? error : systemFailure(error);
    if (failure === undefined) throw error;
    context.err(`exp ${argv[0]}: ${failure.message} [${failure.code}]\n  help: ${failure.help}\n`);
    return exit.failed;
  }
}

function contextOf(io: Io): Context {
  const packageRoot = io.packageRoot ?? fileURLToPath(new URL("..", import.meta.url));
  return {
    tty: false,
    color: false,
    columns: 100,
    stop: new AbortController().signal,
    kill: new AbortController().signal,
    ...io,
    packageRoot,
    version: () => (JSON.parse(readFileSync(`${packageRoot}package.json`, "utf8")) as { version: string }).version,
  };
}

function declare(program: Command, spec: CommandSpec, context: Context, finish: (code: number) => void): void {
  const command = program.command(spec.usage, { hidden: spec.hidden === true }).description(spec.summary);
  for (const [flags, description, parse, initial] of spec.options) {
    const option = command.createOption(flags, description);
    if (parse !== undefined) option.argParser(parse).default(initial, "none");
    command.addOption(option);
  }
  command.action(async (...args: unknown[]) => {
    const options = args.at(-2) as Record<string, unknown>;
    const { registerBuiltIns } = await import("./plugins/built-in.ts");
    registerBuiltIns();
    const { command: act } = await spec.load();
    const code = await act(args.slice(0, -2), options, context);
    finish(context.stop.aborted && code !== exit.done ? exit.interrupted : code);
  });
}
