import { largest } from "../../util/extremes.ts";

/** A fenced code block. */
export function codeBlock(lines: readonly string[]): readonly string[] {
  // The fence is longer than any in the lines, which would end the block.
  const ticks = lines.flatMap((line) => line.match(/`+/g) ?? []);
  const longest = largest(
    ticks.map(({ length }) => length),
    2,
  );
  const fence = "`".repeat(longest + 1);
  return [fence, ...lines, fence];
}

/** A table; `head` has the column names. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`);

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** Distinct lines in the order of their first occurrence. */
export const unique = (lines: readonly string[]): readonly string[] => [...new Set(lines)];
