import Handlebars from "handlebars";
import { UserError } from "../util/user-error.ts";

/** One message of a chat, without the answer. */
export type Message = { readonly role: "system" | "user" | "assistant"; readonly content: string };

/** Texts that a study names: `data.columns.inputs`. */
type Fields = Readonly<Record<string, string>>;

/** The candidates of a text, the best first, and those that the classifier predicts. */
type Candidates = { readonly candidates: readonly string[]; readonly predicted: readonly string[] };

/** The variables of a template. Its lists are empty if the experiment offers none. */
export type TemplateValues = Partial<Candidates> & {
  readonly input: string;
  readonly fields?: Fields | undefined;
  readonly labels: readonly string[];
  readonly examples: readonly (Partial<Candidates> & {
    readonly input: string;
    readonly target: string;
    readonly fields?: Fields | undefined;
  })[];
};

/** Limits of one prompt. A normal template stays far below them. */
const limits = {
  repetitions: 100_000,
  characters: 4_000_000,
  milliseconds: 5_000,
  whitespace: 1_000,
  tags: 1_000,
} as const;

/**
 * Compiles a prompt template: Handlebars without HTML escaping, with strict variables, no partials, no `log` and no
 * access to prototypes. `names` are the fields of each case and example, which are variables too. The blocks
 * `{{#system}}` and `{{#user}}` become messages, in their order; other text is an error. Both this function and the one
 * that it returns throw UserError `template`; the latter also `template-too-large`.
 */
export function compileTemplate(
  text: string,
  {
    names = [],
    fail = stepError,
  }: { readonly names?: readonly string[] | undefined; readonly fail?: TemplateFailure } = {},
): (values: TemplateValues) => readonly Message[] {
  const handlebars = Handlebars.create();
  handlebars.unregisterHelper("log");
  let messages: Message[] = [];
  let budget = new Budget();
  const { each } = handlebars.helpers as { each: Handlebars.HelperDelegate };
  handlebars.registerHelper("each", function (this: unknown, list: unknown, options: Handlebars.HelperOptions) {
    const fn: Handlebars.TemplateDelegate = (item, more) => budget.spend(options.fn(item, more));
    return each.call(this, list, { ...options, fn });
  });
  for (const role of ["system", "user"] as const) {
    handlebars.registerHelper(role, function (this: unknown, options: Handlebars.HelperOptions) {
      const content = options.fn(this);
      if (content.length > limits.characters) throw tooLarge(`more than ${limits.characters} characters`);
      messages.push({ role, content: content.trim() });
      return "";
    });
  }
  let render: Handlebars.TemplateDelegate;
  try {
    // Handlebars takes quadratic time for tags and for a run of white space.
    const [tag] = [...text.matchAll(/\{\{/g)].slice(limits.tags);
    if (tag !== undefined) throw new Problem(`more than ${limits.tags} tags`, placeOf(text, tag.index));
    const run = new RegExp(`\\s{${limits.whitespace + 1}}`).exec(text);
    if (run !== null)
      throw new Problem(`more than ${limits.whitespace} white-space characters`, placeOf(text, run.index));
    new Refusals(names).accept(handlebars.parse(text));
    render = handlebars.compile(text, { noEscape: true, strict: true });
  } catch (error) {
    throw handlebarsError(error, fail, names);
  }
  return ({ fields, examples, ...values }) => {
    messages = [];
    budget = new Budget();
    try {
      const shown = examples.map(({ fields: own, ...example }) => ({ ...noCandidates, ...example, ...own }));
      const rest = render({ ...noCandidates, ...values, ...fields, examples: shown });
      if (rest.trim() !== "") throw outsideText(text, rest.trim());
      if (messages.at(-1)?.role !== "user") throw new Problem("the last block must be {{#user}}…{{/user}}");
    } catch (error) {
      throw handlebarsError(error, fail, names);
    }
    return messages;
  };
}

/** The messages with the text of each system message at the start of the next user message, after a blank line. */
export function foldSystem(messages: readonly Message[]): readonly Message[] {
  const folded: Message[] = [];
  let before = "";
  for (const { role, content } of messages) {
    const text = `${before}${content}`;
    before = role === "system" ? `${text}\n\n` : "";
    if (role !== "system") folded.push({ role, content: text });
  }
  return folded;
}

/**
 * The messages of a conversation: system messages of the template and of the record as one, earlier turns, and the
 * other messages of the template.
 */
export function withTurns(messages: readonly Message[], turns: readonly Message[]): readonly Message[] {
  const isSystem = ({ role }: Message): boolean => role === "system";
  const system = [...messages, ...turns].filter(isSystem).map(({ content }) => content.trim());
  return [
    ...(system.length === 0 ? [] : [{ role: "system", content: system.join("\n\n") } as const]),
    ...turns.filter((turn) => !isSystem(turn)),
    ...messages.filter((message) => !isSystem(message)),
  ];
}

/** What the loops of one prompt have used. */
class Budget {
  readonly #end = performance.now() + limits.milliseconds;
  #repetitions = 0;
  #characters = 0;

  /** Counts one repetition of a loop and its text. Throws UserError `template-too-large`. */
  spend(text: string): string {
    this.#repetitions++;
    this.#characters += text.length;
    if (this.#repetitions > limits.repetitions) throw tooLarge(`more than ${limits.repetitions} repetitions`);
    if (this.#characters > 4 * limits.characters) throw tooLarge(`more than ${limits.characters} characters`);
    if (performance.now() > this.#end) throw tooLarge(`more than ${limits.milliseconds / 1000} s`);
    return text;
  }
}

function tooLarge(what: string): UserError {
  return new UserError("template-too-large", `the template needs ${what} for one prompt`, {
    help: "remove nested {{#each}} blocks and repeated variables",
  });
}

/** A place in a template: line and column, from 1. */
export type Place = { readonly line: number; readonly column: number };

/** Throws UserError `template` for each construct that is no part of prompt templates. */
class Refusals extends Handlebars.Visitor {
  readonly #names: readonly string[];
  /** Open blocks in which names are those of an item. */
  #scopes = 0;
  override Decorator = refuse("{{* }}");
  override DecoratorBlock = refuse("{{#* }}");
  override PartialStatement = refuse("{{> }}");
  override PartialBlockStatement = refuse("{{#> }}");

  constructor(names: readonly string[]) {
    super();
    this.#names = names;
  }

  override MustacheStatement(node: hbs.AST.MustacheStatement): void {
    refuseLog(node);
    super.MustacheStatement(node);
  }

  override BlockStatement(node: hbs.AST.BlockStatement): void {
    refuseLog(node);
    // Handlebars takes an unknown variable of a condition or loop for an empty one.
    if (this.#scopes === 0) for (const param of node.params) refuseUnknown(param, this.#names);
    const opens = ["each", "with"].includes((node.path as hbs.AST.PathExpression).original);
    if (opens) this.#scopes++;
    super.BlockStatement(node);
    if (opens) this.#scopes--;
  }

  override SubExpression(node: hbs.AST.SubExpression): void {
    refuseLog(node);
    super.SubExpression(node);
  }
}

const refuse =
  (construct: string) =>
  ({ loc }: hbs.AST.Node): never => {
    throw new Problem(`${construct} is not available in prompt templates`, startOf(loc));
  };

function refuseLog({
  path,
  loc,
}: {
  readonly path: { readonly type: string };
  readonly loc: hbs.AST.SourceLocation;
}): void {
  if ("original" in path && path.original === "log") throw new Problem('there is no helper "log"', startOf(loc));
}

function refuseUnknown(node: hbs.AST.Expression, names: readonly string[]): void {
  if (node.type !== "PathExpression") return;
  const { data, depth, parts, loc } = node as hbs.AST.PathExpression;
  const [name] = parts;
  if (!data && depth === 0 && name !== undefined && ![...variables, ...names].includes(`${name}`))
    throw new Problem(unknownVariable(String(name), names), startOf(loc));
}

const noCandidates: Candidates = { candidates: [], predicted: [] };

const variables = ["input", "labels", "candidates", "predicted", "examples"] satisfies (keyof TemplateValues)[];

function unknownVariable(name: string, names: readonly string[]): string {
  const all = ["input", ...names, "labels", "candidates", "predicted"].join(", ");
  return `"${name}" is no variable of a prompt; the variables are ${all} and examples`;
}

/** Handlebars counts columns from 0. */
const startOf = ({ start }: hbs.AST.SourceLocation): Place => ({ line: start.line, column: start.column + 1 });

function placeOf(text: string, index: number): Place {
  const before = text.slice(0, index).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

/** What is wrong with a template, and where; without a line for the template as a whole. */
class Problem extends Error {
  readonly place: Place | undefined;
  constructor(message: string, place?: Place) {
    super(message);
    this.place = place;
  }
}

/** Text outside of the blocks: its place in the template, if it is written there and no variable's value. */
function outsideText(text: string, rest: string): Problem {
  const start = rest.slice(0, 40);
  const at = text.indexOf(start);
  return new Problem(`text outside of {{#system}} and {{#user}}: "${start}"`, at < 0 ? undefined : placeOf(text, at));
}

/** Makes the error of a template that is wrong at a place. */
export type TemplateFailure = (message: string, place: Place | undefined) => Error;

const stepError: TemplateFailure = (message, place) =>
  new UserError(
    "template",
    `the template${place === undefined ? "" : ` line ${place.line}, column ${place.column}`}: ${message}`,
    { help: "correct the template" },
  );

/** An error of Handlebars, with the place if its message has one. */
function handlebarsError(error: unknown, fail: TemplateFailure, names: readonly string[]): Error {
  if (error instanceof UserError) return error;
  if (error instanceof Problem) return fail(error.message, error.place);
  const message = error instanceof Error ? error.message : String(error);
  const [, line, column] = /(?:on line |- )(\d+)(?::(\d+))?/.exec(message) ?? [];
  // A parse error shows the text before it, which starts with "..." if it is long, and points at its end.
  const [first = "", shown = "", pointer = ""] = message.split("\n");
  const at = column ?? (shown.startsWith("...") ? "0" : String(Math.max(pointer.indexOf("^"), 0)));
  const place = line === undefined ? undefined : { line: Number(line), column: Number(at) + 1 };
  const [, missing] = /^"([^"]+)" not defined/.exec(first) ?? [];
  if (missing !== undefined) return fail(unknownVariable(missing, names), place);
  const [, open, closed] = /^(\S+) doesn't match (\S+)/.exec(first) ?? [];
  if (open !== undefined) return fail(`{{/${closed}}} ends the block {{#${open}}}: add {{/${open}}} before it`, place);
  const isOpen = first.startsWith("Parse error");
  return fail(isOpen ? "a block or a tag is not closed, or not well-formed" : first.replace(/ - \d+:\d+$/, ""), place);
}
