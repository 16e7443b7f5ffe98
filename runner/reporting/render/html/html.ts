/** HTML text that is inserted without escaping. Create it with `html`, which escapes all other values. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value in a template; undefined and false render as nothing. */
type Value = string | number | Html | undefined | false | readonly Value[];

/** A template literal tag. Text values are escaped for element content and for quoted attributes. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.map((part, index) => `${index === 0 ? "" : render(values[index - 1])}${part}`).join(""));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function render(value: Value): string {
  if (value === undefined || value === false) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map(render).join("");
  return String(value).replaceAll(/[&<>"']/g, (character) => entities[character] as string);
}

/** JSON data for the page's script, in an element that browsers do not execute. */
export function jsonElement(id: string, value: unknown): Html {
  // "</script>" in a string would end the element; JSON allows the escaped form of "<" in strings.
  const json = JSON.stringify(value).replaceAll("<", "\\u003c");
  return html`<script type="application/json" id="${id}">${new Html(json)}</script>\n`;
}
