import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommanderError, Command as CommandLine } from "commander";
import {
  argumentSummary,
  argumentUsage,
  type Command,
  flagOf,
  optionSummary,
  optionUsage,
} from "./commands/command.ts";
import { commands } from "./commands/index.ts";
import { type Context, exit } from "./util/context.ts";
import { escapeControls } from "./util/control-characters.ts";
import { shellWord } from "./util/shell.ts";
import { UserError } from "./util/user-error.ts";

/** What the command line may touch of its process. cli.ts passes the real one; tests pass their own. */
export type Io = Pick<Context, "cwd" | "env" | "out" | "err"> &
  Partial<Pick<Context, "packageRoot" | "tty" | "color" | "columns" | "stop" | "kill">>;

/** Runs one command line and returns its exit code. `argv` has neither the interpreter nor the script. Throws only on a bug. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const context = contextOf(io);
  const [first = "", second] = argv;
  if (first === "--version" || first === "-V") {
    context.out(`${context.version()}\n`);
    return exit.done;
  }
  if (first === "help" && second !== undefined) return main([second, "--help"], io);
  const isCommand = Object.hasOwn(commands, first);
  try {
    const code = isCommand ? await runCommand(first, argv, context) : await showOverview(argv, context);
    if (!context.stop.aborted || code === exit.done) return code;
    if (!argv.includes("--json")) context.err(interruptedLine(argv));
    return exit.interrupted;
  } catch (error) {
    return printError(error, argv, context);
  }
}

function contextOf(io: Io): Context {
  const packageRoot = io.packageRoot ?? fileURLToPath(new URL("..", import.meta.url));
  const { color = false } = io;
  return {
    tty: false,
    color: false,
    columns: Number.POSITIVE_INFINITY,
    stop: new AbortController().signal,
    kill: new AbortController().signal,
    ...io,
    // The only way to the terminal except for the live view, whose titles have no control characters.
    out: (text) => io.out(escapeControls(text, { color })),
    err: (text) => io.err(escapeControls(text, { color })),
    packageRoot,
    version: () => (JSON.parse(readFileSync(`${packageRoot}package.json`, "utf8")) as { version: string }).version,
  };
}

/** Parses the arguments of one command, which is the only one that is imported, and runs it. */
async function runCommand(name: string, argv: readonly string[], context: Context): Promise<number> {
  const entry = commands[name] as (typeof commands)[string];
  const { command } = await entry.load();
  if (command.usesPlugins !== false) (await import("./plugins/built-in.ts")).registerBuiltIns();
  const program = commandLine(context);
  const line = program.command(name).description(entry.summary).helpOption("-h, --help", "Print this help.");
  for (const argument of Object.values(command.arguments))
    line.argument(argumentUsage(argument), argumentSummary(argument));
  for (const [key, option] of Object.entries(command.options)) {
    const declared = line.createOption(optionUsage(key, option), optionSummary(option));
    if (option.isRepeatable === true)
      declared.argParser((value, before: readonly string[] | undefined) => [...(before ?? []), value]);
    line.addOption(declared);
  }
  let code: number = exit.done;
  line.action(async (...given: unknown[]) => {
    const input = inputOf(command, given.slice(0, -2), given.at(-2) as Readonly<Record<string, unknown>>);
    code = await command.run(input, context, commands);
  });
  return (await parse(program, argv)) ?? code;
}

/** Values of arguments and options by their names. Throws UserError if one is wrong. */
function inputOf(command: Command, args: readonly unknown[], options: Readonly<Record<string, unknown>>) {
  return Object.fromEntries([
    ...Object.entries(command.arguments).map(([name, argument], at) => [name, argument.parse(args[at])]),
    ...Object.entries(command.options).map(([name, option]) => [
      name,
      option.parse(options[name], flagOf(name, option)),
    ]),
  ]);
}

/** `exp`, `exp --help`, and a command that does not exist. */
async function showOverview(argv: readonly string[], context: Context): Promise<number> {
  const program = commandLine(context)
    .description("Run declarative LLM fine-tuning studies: from a YAML file to an evaluated model.")
    .option("-V, --version", "Print the version.")
    .helpOption("-h, --help", "Print this help.")
    .helpCommand("help [command]", "Print the help of a command.");
  for (const [name, { group, summary, isHidden }] of Object.entries(commands)) {
    program
      .command(name, { hidden: isHidden === true })
      .description(summary)
      .helpGroup(`${group}:`);
  }
  program.addHelpText(
    "after",
    "\nExit codes: 0 done; 1 a step failed; 2 invalid experiment or usage; 3 a check found a problem; 130 interrupted.",
  );
  if (argv.length === 0) {
    context.out(program.helpInformation());
    return exit.invalid;
  }
  return (await parse(program, argv)) ?? exit.done;
}

function commandLine(context: Context): CommandLine {
  const helpWidth = Number.isFinite(context.columns) ? context.columns : 100;
  return new CommandLine("exp")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: context.out,
      writeErr: context.err,
      outputError: () => {},
      getOutHelpWidth: () => helpWidth,
      getErrHelpWidth: () => helpWidth,
      getOutHasColors: () => context.color,
      getErrHasColors: () => context.color,
    });
}

/** Parses and runs. Gives an exit code if help was printed; throws UserError `bad-usage` if the command line is wrong. */
async function parse(program: CommandLine, argv: readonly string[]): Promise<number | undefined> {
  try {
    await program.parseAsync(argv, { from: "user" });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exit.done;
    const [message = "", hint] = error.message.replace(/^error: /, "").split("\n");
    const [name = ""] = argv;
    const usage = `exp ${Object.hasOwn(commands, name) ? `${name} ` : ""}--help`;
    const help = hint?.replace(/^\((.*)\)$/, "$1") ?? `run ${usage}`;
    throw new UserError("bad-usage", message, { help, status: "invalid" });
  }
}

/** The last line of an interrupted command: how to resume. */
function interruptedLine(argv: readonly string[]): string {
  return `exp: interrupted. Finished work is kept; resume with: exp ${argv.map(shellWord).join(" ")}\n`;
}

/**
 * Prints an error that exp throws on purpose, and gives the exit code. After an interrupt such an error is a consequence of it, and
 * the message says so. Throws any other error: it is a bug.
 */
async function printError(thrown: unknown, argv: readonly string[], context: Context): Promise<number> {
  const [{ systemFailure }, { redactor }, { formatDiagnostic, toJson }] = await Promise.all([
    import("./execution/system-errors.ts"),
    import("./execution/redact.ts"),
    import("./util/code-frame.ts"),
  ]);
  const error = thrown instanceof UserError ? thrown : systemFailure(thrown);
  if (context.stop.aborted && (error !== undefined || isAbort(thrown))) {
    context.err(interruptedLine(argv));
    return exit.interrupted;
  }
  if (error === undefined) throw thrown;
  const { code, message, help, log, diagnostics } = error;
  const redact = redactor(context.env as NodeJS.ProcessEnv);
  const command = argv[0] ?? "";
  const name = Object.hasOwn(commands, command) ? `exp ${command}` : "exp";
  if (argv.includes("--json")) {
    const whole = { severity: "error", code, message, help: help ?? null };
    for (const one of diagnostics.length > 0 ? diagnostics.map(toJson) : [whole])
      context.out(redact(`${JSON.stringify(one)}\n`));
  } else if (diagnostics.length > 0) {
    for (const one of diagnostics) context.err(redact(`${formatDiagnostic(one, { color: context.color })}\n`));
  } else {
    const more = [
      ...(help === undefined ? [] : [`  help: ${help}\n`]),
      ...(log === undefined ? [] : [`  log: ${log}\n`]),
    ];
    context.err(redact(`${name}: ${message} [${code}]\n${more.join("")}`));
  }
  return exit[error.status];
}

/** Whether an aborted signal caused an error: directly, or as the cause of a library's error. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && (["AbortError", "Interrupted"].includes(error.name) || isAbort(error.cause));
}
