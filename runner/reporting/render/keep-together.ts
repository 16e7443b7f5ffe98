import type { Block, Cell, Span } from "../report/document.ts";

/** A number with its unit, a comparison of p, and an interval. */
const units = /\d %|\bp [=<] \d|\[[+−]?\d[\d.]*, [+−]?\d[\d.]*\]/g;

/** A text in which a number stays on one line with its unit, its interval and the sign of a p-value. */
export const keepTogether = (text: string): string => text.replace(units, (found) => found.replaceAll(" ", "\u00a0"));

/** A span in which numbers are kept together; code is left as it is. */
export function keptSpan(piece: Span): Span {
  if (typeof piece === "string") return keepTogether(piece);
  if ("strong" in piece) return { strong: keepTogether(piece.strong) };
  if ("emph" in piece) return { emph: keepTogether(piece.emph) };
  return piece;
}

const keptCell = (cell: Cell): Cell => (typeof cell === "string" ? keepTogether(cell) : cell.map(keptSpan));

/** A block in which numbers are kept together, for PDF and HTML alike. */
export function keptBlock(block: Block): Block {
  switch (block.type) {
    case "heading":
      return { ...block, text: keepTogether(block.text) };
    case "paragraph":
      return { ...block, spans: block.spans.map(keptSpan) };
    case "list":
      return { ...block, items: block.items.map((item) => item.map(keptSpan)) };
    case "table":
      return {
        ...block,
        caption: keepTogether(block.caption),
        head: block.head.map(keepTogether),
        rows: block.rows.map((row) => row.map(keptCell)),
      };
    case "figure":
      return { ...block, caption: keepTogether(block.caption) };
    case "code":
      return block;
  }
}
