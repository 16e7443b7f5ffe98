/** HTML as it is put into a page. Made by `html` alone, which escapes all that is no Markup: no text of a study becomes a tag. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What stands between the parts of a template; undefined and false stand for nothing. */
type Value = string | number | Markup | undefined | false | readonly Value[];

/** HTML with values in it: texts are escaped, for content and for quoted attributes alike. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(parts.map((part, index) => `${index === 0 ? "" : set(values[index - 1])}${part}`).join(""));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function set(value: Value): string {
  if (value === undefined || value === false) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map(set).join("");
  return String(value).replaceAll(/[&<>"']/g, (letter) => entities[letter] as string);
}

/** Data for a page's script, as an element that browsers never run. */
export function dataElement(id: string, value: unknown): Markup {
  // A "<" could end the element; everywhere in JSON it can be written so.
  const json = JSON.stringify(value).replaceAll("<", "\\u003c");
  return html`<script type="application/json" id="${id}">${new Markup(json)}</script>\n`;
}
