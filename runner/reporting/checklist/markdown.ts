/** A fenced code block. */
export const codeBlock = (lines: readonly string[]): readonly string[] => ["```", ...lines, "```"];

/** A table; `head` has the column names. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`);

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** Distinct lines in the order of their first occurrence. */
export const unique = (lines: readonly string[]): readonly string[] => [...new Set(lines)];
