/** Lines as a block of code. */
export const block = (lines: readonly string[]): readonly string[] => ["```", ...lines, "```"];

/** A table with a head. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`);

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** Each line once, in the order of its first. */
export const unique = (lines: readonly string[]): readonly string[] => [...new Set(lines)];
