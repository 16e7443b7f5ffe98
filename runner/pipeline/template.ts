import Handlebars from "handlebars";

/** One message of a chat, without the answer. */
export type Message = { readonly role: "system" | "user"; readonly content: string };

/** What a template may say. `labels` and `examples` are empty where the experiment offers none. */
export type TemplateValues = {
  readonly input: string;
  readonly labels: readonly string[];
  readonly examples: readonly { readonly input: string; readonly target: string }[];
};

/** A template that cannot be used: `line` counts from 1 where Handlebars tells it. */
export class TemplateError extends Error {
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(message);
    this.name = "TemplateError";
    this.line = line;
  }
}

/**
 * Compiles a prompt template: Handlebars without HTML escaping, with strict variables, no partials and no access to
 * prototypes. The blocks `{{#system}}` and `{{#user}}` become messages, in their order; other text is an error.
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
    throw asTemplateError(error);
  }
  return (values) => {
    messages = [];
    let rest: string;
    try {
      rest = render({ ...values });
    } catch (error) {
      throw asTemplateError(error);
    }
    if (rest.trim() !== "") {
      throw new TemplateError(`text outside of {{#system}} and {{#user}}: "${rest.trim().slice(0, 40)}"`);
    }
    if (messages.at(-1)?.role !== "user") throw new TemplateError("the last block must be {{#user}}…{{/user}}");
    return messages;
  };
}

function asTemplateError(error: unknown): TemplateError {
  const message = error instanceof Error ? error.message : String(error);
  const where = /(?:on line |- )(\d+)/.exec(message);
  const first = message.split("\n")[0] as string;
  const missing = /^"([^"]+)" not defined/.exec(first);
  return new TemplateError(
    missing ? `"${missing[1]}" is not a variable of a prompt (there are input, labels and examples)` : first,
    where ? Number(where[1]) : undefined,
  );
}
