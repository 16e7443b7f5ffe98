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

/**
 * Compiles a prompt template: Handlebars without HTML escaping, with strict variables, no partials and no access to
 * prototypes. The blocks `{{#system}}` and `{{#user}}` become messages, in their order; other text is an error. Both this
 * function and the one that it returns throw UserError `template`.
 */
export function compileTemplate(text: string): (values: TemplateValues) => readonly Message[] {
  const handlebars = Handlebars.create();
  let messages: Message[] = [];
  for (const role of ["system", "user"] as const) {
    handlebars.registerHelper(role, function (this: unknown, options: Handlebars.HelperOptions) {
      messages.push({ role, content: options.fn(this).replace(/^\s*\n|\s+$/g, "") });
      return "";
    });
  }
  let render: Handlebars.TemplateDelegate;
  try {
    handlebars.parse(text);
    render = handlebars.compile(text, { noEscape: true, strict: true });
  } catch (error) {
    throw handlebarsError(error);
  }
  return (values) => {
    messages = [];
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

function templateError(message: string, line?: string): UserError {
  const place = line === undefined ? "" : ` line ${line}`;
  return new UserError("template", `the template${place}: ${message}`, { help: "correct the template" });
}

/** An error of Handlebars, with the line if its message has one. */
function handlebarsError(error: unknown): UserError {
  const message = error instanceof Error ? error.message : String(error);
  const [, line] = /(?:on line |- )(\d+)/.exec(message) ?? [];
  const first = message.split("\n")[0] as string;
  const [, missing] = /^"([^"]+)" not defined/.exec(first) ?? [];
  if (missing === undefined) return templateError(first, line);
  return templateError(`"${missing}" is no variable of a prompt; the variables are input, labels and examples`, line);
}
