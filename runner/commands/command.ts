import type { Context } from "../util/context.ts";
import { parseSize } from "../util/size.ts";
import { nearest } from "../util/suggest.ts";
import { UserError } from "../util/user-error.ts";

/** A positional argument of type T: how help shows it, and how its text is read. */
export type Argument<T> = {
  readonly summary: string;
  /** Shown in the usage, and what shells complete: "file", "run" and "dir" are known to them. */
  readonly placeholder: string;
  readonly isRequired: boolean;
  readonly isVariadic: boolean;
  /** The only values that it takes. */
  readonly choices?: () => readonly string[];
  /** Reads what the command line parser gives. Throws UserError `bad-argument`. */
  parse(given: unknown): T;
};

/** An option of type T. Its key in a declaration is its long name in camelCase. */
export type Option<T> = {
  readonly summary: string;
  /** Absent: the option is a flag without a value. */
  readonly placeholder?: string;
  /** One letter: "f" for -f. */
  readonly short?: string;
  readonly isValueOptional?: boolean;
  readonly isRepeatable?: boolean;
  /** The flag is --no-NAME, and its value is true without it. */
  readonly isNegated?: boolean;
  /** As help and the reference print it. */
  readonly default?: string;
  readonly choices?: () => readonly string[];
  /** Reads what the command line parser gives; `flag` names the option in errors. Throws UserError `bad-option`. */
  parse(given: unknown, flag: string): T;
};

type Arguments = Readonly<Record<string, Argument<unknown>>>;
type Options = Readonly<Record<string, Option<unknown>>>;
type Values<D> = { readonly [K in keyof D]: D[K] extends Argument<infer T> | Option<infer T> ? T : never };

/** Arguments and options of a command by their names, as their declarations type them. */
type Input<A, O> = Values<A & O>;

/** One command of exp. */
export type Command<A extends Arguments = Arguments, O extends Options = Options> = {
  readonly arguments: A;
  readonly options: O;
  /** False: it reads no registry, so main.ts loads no implementations before it. */
  readonly usesPlugins?: false;
  /** Resolves to the exit code. Throws UserError; main.ts prints it. */
  run(input: Input<A, O>, context: Context, commands: CommandTable): Promise<number>;
};

/** The line of a command in `exp --help`, and the module that declares the rest, which is imported when the command is called. */
export type CommandEntry = {
  /** Heading in help and in the reference. */
  readonly group: string;
  readonly summary: string;
  /** Called by programs only: help, completion and the reference omit it. */
  readonly isHidden?: boolean;
  load(): Promise<{ readonly command: Command }>;
};

/** Every command by its name. */
export type CommandTable = Readonly<Record<string, CommandEntry>>;

/** Declares a command. The types of `run`'s input follow from the arguments and options. */
export function defineCommand<const A extends Arguments, const O extends Options>(
  command: Command<A, O>,
): Command<A, O> {
  return command;
}

const text = (given: unknown): string => given as string;

/** One argument that must be given. */
export function required(placeholder: string, summary: string): Argument<string> {
  return { placeholder, summary, isRequired: true, isVariadic: false, parse: text };
}

/** One argument that may be left out. */
export function optional(placeholder: string, summary: string): Argument<string | undefined> {
  return { placeholder, summary, isRequired: false, isVariadic: false, parse: (given) => given as string | undefined };
}

/** At least one argument. */
export function oneOrMore(placeholder: string, summary: string): Argument<readonly [string, ...string[]]> {
  const parse = (given: unknown) => given as readonly [string, ...string[]];
  return { placeholder, summary, isRequired: true, isVariadic: true, parse };
}

/** Any number of arguments, each one of `choices` if there are choices. */
export function anyNumber(
  placeholder: string,
  summary: string,
  choices?: () => readonly string[],
): Argument<readonly string[]> {
  return {
    ...{ placeholder, summary, isRequired: false, isVariadic: true, ...(choices === undefined ? {} : { choices }) },
    parse: (given) => (given as readonly string[]).map((one) => chosen(one, choices, "bad-argument", placeholder)),
  };
}

/** One argument that is one of a few words. */
export function oneOf<T extends string>(
  placeholder: string,
  summary: string,
  choices: () => readonly T[],
): Argument<T> {
  return {
    ...{ placeholder, summary, isRequired: true, isVariadic: false, choices },
    parse: (given) => chosen(given as string, choices, "bad-argument", placeholder) as T,
  };
}

/** An option without a value. */
export function flag(summary: string, more: { readonly short?: string } = {}): Option<boolean> {
  return { summary, ...more, parse: (given) => given === true };
}

/** `--no-NAME`: the value of NAME is true without it. */
export function negatedFlag(summary: string): Option<boolean> {
  return { summary, isNegated: true, parse: (given) => given !== false };
}

/** An option with a text. */
export function value(
  placeholder: string,
  summary: string,
  more: { readonly default?: string } = {},
): Option<string | undefined> {
  return { placeholder, summary, ...more, parse: (given) => given as string | undefined };
}

/** An option whose text may be left out: true then. */
export function optionalValue(placeholder: string, summary: string): Option<string | true | undefined> {
  return { placeholder, summary, isValueOptional: true, parse: (given) => given as string | true | undefined };
}

/** An option that may be given several times. */
export function list(
  placeholder: string,
  summary: string,
  more: { readonly default?: string } = {},
): Option<readonly string[]> {
  return { placeholder, summary, ...more, isRepeatable: true, parse: (given) => (given ?? []) as readonly string[] };
}

/** An option that is one of a few words. */
export function choice<T extends string>(
  placeholder: string,
  summary: string,
  choices: () => readonly T[],
  more: { readonly default?: string } = {},
): Option<T | undefined> {
  return {
    ...{ placeholder, summary, choices, ...more },
    parse: (given, flag) =>
      given === undefined ? undefined : (chosen(given as string, choices, "bad-option", flag) as T),
  };
}

type Range = { readonly min: number; readonly max?: number };

/** An option that is a whole number. */
export function integer(
  placeholder: string,
  summary: string,
  range: Range & { readonly default: number },
): Option<number>;
export function integer(placeholder: string, summary: string, range: Range): Option<number | undefined>;
export function integer(
  placeholder: string,
  summary: string,
  { min, max = Number.MAX_SAFE_INTEGER, default: initial }: Range & { readonly default?: number },
): Option<number | undefined> {
  return {
    ...{ placeholder, summary, ...(initial === undefined ? {} : { default: String(initial) }) },
    parse(given, flag) {
      if (given === undefined) return initial;
      const number = Number(given);
      if (given !== "" && Number.isInteger(number) && number >= min && number <= max) return number;
      const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
      throw new UserError("bad-option", `${flag} takes a whole number ${range}, not "${given}"`, { status: "invalid" });
    },
  };
}

/** An option that is a number in a range. */
export function decimal(
  placeholder: string,
  summary: string,
  { min, max, ...more }: { readonly min: number; readonly max: number; readonly default?: string },
): Option<number | undefined> {
  return {
    ...{ placeholder, summary, ...more },
    parse(given, flag) {
      if (given === undefined) return undefined;
      const number = Number(given);
      if ((given as string).trim() !== "" && number >= min && number <= max) return number;
      throw new UserError("bad-option", `${flag} takes a number from ${min} to ${max}, not "${given}"`, {
        status: "invalid",
      });
    },
  };
}

/** An option that is a size in bytes, such as 20GB. */
export function size(placeholder: string, summary: string): Option<number | undefined> {
  return {
    ...{ placeholder, summary },
    parse(given, flag) {
      if (given === undefined) return undefined;
      const bytes = parseSize(given as string);
      if (bytes !== undefined) return bytes;
      throw new UserError("bad-option", `${flag} takes a size such as 20GB or 500MiB, not "${given}"`, {
        status: "invalid",
      });
    },
  };
}

function chosen(
  word: string,
  choices: (() => readonly string[]) | undefined,
  code: "bad-argument" | "bad-option",
  name: string,
): string {
  const all = choices?.() ?? [word];
  if (all.includes(word)) return word;
  const meant = nearest(word, all);
  throw new UserError(code, `${name} takes ${wordList(all)}, not "${word}"`, {
    help: meant === undefined ? undefined : `did you mean "${meant}"?`,
    status: "invalid",
  });
}

/** "a", "a or b", "a, b or c" */
function wordList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The long flag of an option: "acceptStale" -> "--accept-stale", "upload" -> "--no-upload" if it is negated. */
export function flagOf(name: string, { isNegated }: Pick<Option<unknown>, "isNegated">): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return isNegated === true ? `--no-${words}` : `--${words}`;
}

/** An option as usage shows it: "-f, --follow", "--set <key=value>". */
export function optionUsage(name: string, option: Option<unknown>): string {
  const { short, placeholder, isValueOptional } = option;
  const shown = placeholder === undefined ? "" : isValueOptional === true ? ` [${placeholder}]` : ` <${placeholder}>`;
  return `${short === undefined ? "" : `-${short}, `}${flagOf(name, option)}${shown}`;
}

/** An argument as usage shows it: "<file...>", "[run]". */
export function argumentUsage({ placeholder, isRequired, isVariadic }: Argument<unknown>): string {
  const name = `${placeholder}${isVariadic ? "..." : ""}`;
  return isRequired ? `<${name}>` : `[${name}]`;
}

/** The summary of an argument with its choices. */
export function argumentSummary({ summary, choices }: Argument<unknown>): string {
  return choices === undefined ? summary : `${summary} (one of: ${choices().join(", ")})`;
}

/** The summary of an option with its choices, its default, and whether it can be repeated. */
export function optionSummary({ summary, choices, default: initial, isRepeatable }: Option<unknown>): string {
  const facts = [
    ...(choices === undefined ? [] : [`one of: ${choices().join(", ")}`]),
    ...(initial === undefined ? [] : [`default: ${initial}`]),
    ...(isRepeatable === true ? ["repeatable"] : []),
  ];
  return facts.length === 0 ? summary : `${summary} (${facts.join("; ")})`;
}
