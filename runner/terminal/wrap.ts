import { stripVTControlCharacters } from "node:util";
import { textWidth } from "./text-width.ts";

const widthOf = (text: string): number => textWidth(stripVTControlCharacters(text));

/** A line as lines that are at most so many cells wide, broken at spaces. A longer word has a line of its own. */
export function wrapped(line: string, cells: number): readonly string[] {
  if (widthOf(line) <= cells) return line === "" ? [] : [line];
  const indent = /^ */.exec(line)?.[0] ?? "";
  const lines: string[] = [];
  let current = "";
  let width = 0;
  for (const [, space = "", word = ""] of line.matchAll(/( *)([^ ]+)/g)) {
    const added = widthOf(word);
    if (current !== "" && width + space.length + added > cells) {
      lines.push(current);
      current = indent + word;
      width = indent.length + added;
    } else {
      current += space + word;
      width += space.length + added;
    }
  }
  return [...lines, current];
}

/** A text whose lines are at most as wide as the screen, if their words are. */
export function fitted(text: string, { columns }: { readonly columns?: number }): string {
  if (columns === undefined || !Number.isFinite(columns)) return text;
  return text
    .split("\n")
    .map((line) => wrapped(line, columns).join("\n"))
    .join("\n");
}
