/**
 * Characters that control a terminal or change the direction of text: C0 and C1 except tab and line break, a carriage return
 * without a line feed, DEL, and the marks and overrides of bidirectional text.
 */
const controls = /(?![\t\n\r])\p{Control}|\r(?!\n)|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const everyControl = new RegExp(controls, "gu");
/** The styles that `styles` and code frames use. A value that contains one changes colours at most. */
const styleOrControl = new RegExp(String.raw`\u001b\[(?:0|1|2|22|31|32|33|39|1;31|1;33)m|${controls.source}`, "gu");

/**
 * A text in which each control character is written as `\u001b`, which is also its form within a JSON string. With `color`, the
 * styles of exp stay. Everything that a command prints passes through here, so that no value controls the terminal.
 */
export function escapeControls(text: string, { color }: { readonly color: boolean }): string {
  if (!controls.test(text)) return text;
  return color
    ? text.replace(styleOrControl, (match) => (match.length > 1 ? match : escaped(match)))
    : text.replace(everyControl, escaped);
}

/** Removes control characters from a text: each becomes a space. */
export const withoutControls = (text: string): string => text.replace(everyControl, " ");

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
