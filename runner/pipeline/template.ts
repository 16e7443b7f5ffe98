import Handlebars from "handlebars";
import { UserError } from "../util/user-error.ts";

/** One message of a chat, without the answer. */
export type Message = { readonly role: "system" | "user"; readonly content: string };

/** The variables of a template. `labels` and `examples` are empty if the experiment offers none. */
export type TemplateValues = {
  readonly input: string;
  readonly labels: readonly string[];
  readonly examples: readonly { readonly input: string; readonly target: string }[];
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
 * Compiles a prompt template: Handlebars without HTML escaping, with strict variables, no partials, no `log` and no access
 * to prototypes. The blocks `{{#system}}` and `{{#user}}` become messages, in their order; other text is an error. Both
 * this function and the one that it returns throw UserError `template`; the latter also `template-too-large`.
 */
export function compileTemplate(text: string): (values: TemplateValues) => readonly Message[] {
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
    if (tag !== undefined) throw templateError(`more than ${limits.tags} tags`, placeOf(text, tag.index));
    const run = new RegExp(`\\s{${limits.whitespace + 1}}`).exec(text);
    if (run !== null)
      throw templateError(`more than ${limits.whitespace} white-space characters`, placeOf(text, run.index));
    new Refusals().accept(handlebars.parse(text));
    render = handlebars.compile(text, { noEscape: true, strict: true });
  } catch (error) {
    throw handlebarsError(error);
  }
  return (values) => {
    messages = [];
    budget = new Budget();
    let rest: string;
    try {
      rest = render({ ...values });
    } catch (error) {
      throw handlebarsError(error);
    }
    if (rest.trim() !== "") {
      throw templateError(`text outside of {{#system}} and {{#user}}: "${rest.trim().slice(0, 40)}"`);
    }
    if (messages.at(-1)?.role !== "user") throw templateError("the last block must be {{#user}}…{{/user}}");
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
    if (role === "user") folded.push({ role, content: text });
  }
  return folded;
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

type Place = { readonly line: number; readonly column: number };

/** Throws UserError `template` for each construct that is no part of prompt templates. */
class Refusals extends Handlebars.Visitor {
  override Decorator = refuse("{{* }}");
  override DecoratorBlock = refuse("{{#* }}");
  override PartialStatement = refuse("{{> }}");
  override PartialBlockStatement = refuse("{{#> }}");

  override MustacheStatement(node: hbs.AST.MustacheStatement): void {
    refuseLog(node);
    super.MustacheStatement(node);
  }

  override BlockStatement(node: hbs.AST.BlockStatement): void {
    refuseLog(node);
    super.BlockStatement(node);
  }

  override SubExpression(node: hbs.AST.SubExpression): void {
    refuseLog(node);
    super.SubExpression(node);
  }
}

const refuse =
  (construct: string) =>
  ({ loc }: hbs.AST.Node): never => {
    throw templateError(`${construct} is not available in prompt templates`, startOf(loc));
  };

function refuseLog({
  path,
  loc,
}: {
  readonly path: { readonly type: string };
  readonly loc: hbs.AST.SourceLocation;
}): void {
  if ("original" in path && path.original === "log") throw templateError('there is no helper "log"', startOf(loc));
}

/** Handlebars counts columns from 0. */
const startOf = ({ start }: hbs.AST.SourceLocation): Place => ({ line: start.line, column: start.column + 1 });

function placeOf(text: string, index: number): Place {
  const before = text.slice(0, index).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

function templateError(message: string, { line, column }: { line?: number; column?: number } = {}): UserError {
  const place = [line === undefined ? "" : ` line ${line}`, column === undefined ? "" : `, column ${column}`].join("");
  return new UserError("template", `the template${place}: ${message}`, { help: "correct the template" });
}

/** An error of Handlebars, with the line if its message has one. */
function handlebarsError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const [, at] = /(?:on line |- )(\d+)/.exec(message) ?? [];
  const line = at === undefined ? {} : { line: Number(at) };
  const first = message.split("\n")[0] as string;
  const [, missing] = /^"([^"]+)" not defined/.exec(first) ?? [];
  if (missing === undefined) return templateError(first, line);
  return templateError(`"${missing}" is no variable of a prompt; the variables are input, labels and examples`, line);
}
