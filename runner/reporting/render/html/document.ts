import type { Block, Cell, Span } from "../../report/document.ts";
import type { Drawn } from "../figures.ts";
import type { Reference } from "./bibliography.ts";
import { html, Markup } from "./html.ts";

/** A heading that a list of contents names. */
export type Entry = { readonly id: string; readonly text: string; readonly level: number };

/** Blocks as HTML, and what the page's contents list. */
export type SetBlocks = { readonly body: Markup; readonly contents: readonly Entry[] };

/** Sets the blocks of a report: sections, tables and figures are numbered as in the PDF, and every reference is a link. */
export function setBlocks(
  blocks: readonly Block[],
  figures: Readonly<Record<string, Drawn>>,
  references: readonly Reference[],
): SetBlocks {
  const contents: Entry[] = [];
  const numbers = [0, 0, 0];
  const places = placesOf(blocks);
  const cited: string[] = [];

  const headingOf = (level: number, text: string): Markup => {
    numbers[level - 1] = (numbers[level - 1] as number) + 1;
    numbers.fill(0, level);
    const entry = { id: `section-${contents.length + 1}`, text: `${numbers.slice(0, level).join(".")} ${text}`, level };
    contents.push(entry);
    return new Markup(`<h${level + 1} id="${entry.id}">${html`${entry.text}`.text}</h${level + 1}>\n`);
  };

  const cite = (key: string): Markup | string => {
    if (!references.some((one) => one.key === key)) return "";
    if (!cited.includes(key)) cited.push(key);
    return html`<a href="#reference-${key}">[${cited.indexOf(key) + 1}]</a>`;
  };

  const span = (piece: Span): Markup | string => {
    if (typeof piece === "string") return piece;
    if ("strong" in piece) return html`<strong>${piece.strong}</strong>`;
    if ("emph" in piece) return html`<em>${piece.emph}</em>`;
    if ("code" in piece) return html`<code>${piece.code}</code>`;
    if ("cite" in piece) return cite(piece.cite);
    const place = places.get(piece.ref);
    return place === undefined ? "" : html`<a href="#${place.id}">${place.word}</a>`;
  };
  const cell = (value: Cell): Markup | string => (typeof value === "string" ? value : html`${value.map(span)}`);

  const setTable = (block: Extract<Block, { type: "table" }>): Markup => {
    const { id = "", word = "" } = places.get(block.id) ?? {};
    const head = block.head.map(
      (name, at) => html`<th scope="col" class="${block.align[at] ?? "left"}">${name === "" ? nameless : name}</th>`,
    );
    const rows = block.rows.map((row) => {
      const cells = row.map((value, at) => {
        const side = block.align[at] ?? "left";
        return at === 0 && value !== ""
          ? html`<th scope="row" class="${side}">${cell(value)}</th>`
          : html`<td class="${side}">${cell(value)}</td>`;
      });
      return html`<tr>${cells}</tr>\n`;
    });
    const header = block.head.some((name) => name !== "") && html`<thead><tr>${head}</tr></thead>\n`;
    return html`<div class="wide" id="${id}" role="region" aria-labelledby="${id}-caption" tabindex="0"><table>
<caption id="${id}-caption"><b>${word}.</b> ${block.caption}</caption>
${header}<tbody>
${rows}</tbody></table></div>
`;
  };

  const setBlock = (block: Block): Markup => {
    switch (block.type) {
      case "heading":
        return headingOf(block.level, block.text);
      case "paragraph":
        return html`<p>${block.spans.map(span)}</p>\n`;
      case "list":
        return html`<ul>\n${block.items.map((item) => html`<li>${item.map(span)}</li>\n`)}</ul>\n`;
      case "code":
        return html`<pre tabindex="0"><code>${block.text}</code></pre>\n`;
      case "equation":
        return html`<p class="equation">${block.plain}</p>\n`;
      case "placeholder":
        return html`${headingOf(1, block.heading)}<p class="placeholder"><em>To be written by the authors: ${block.instruction}</em></p>\n`;
      case "table":
        return setTable(block);
      case "figure": {
        const drawn = figures[block.id];
        const { id = "", word = "" } = places.get(block.id) ?? {};
        if (drawn === undefined) return html``;
        return html`<figure id="${id}"><div class="drawing" role="img" aria-label="${block.alt}">${inline(drawn, id)}</div>
<figcaption><b>${word}.</b> ${block.caption}</figcaption></figure>
`;
      }
    }
  };

  const set = blocks.map(setBlock);
  const listed = cited.flatMap((key) => references.filter((one) => one.key === key));
  if (listed.length > 0) contents.push({ id: "references", text: "References", level: 1 });
  const bibliography =
    listed.length > 0 &&
    html`<h2 id="references">References</h2>
<ol class="references">
${listed.map(({ key, text }) => html`<li id="reference-${key}">${text}</li>\n`)}</ol>
`;
  return { body: html`${set}${bibliography}`, contents };
}

const nameless = html`<span class="unseen">of the row</span>`;

/** Where tables and figures stand, and what a reference calls them. */
function placesOf(blocks: readonly Block[]): ReadonlyMap<string, { readonly id: string; readonly word: string }> {
  const counts = { table: 0, figure: 0 };
  const places = new Map<string, { id: string; word: string }>();
  for (const block of blocks) {
    if (block.type !== "table" && block.type !== "figure") continue;
    const number = ++counts[block.type];
    places.set(block.id, {
      id: `${block.type}-${number}`,
      word: `${block.type === "table" ? "Table" : "Figure"} ${number}`,
    });
  }
  return places;
}

/** A drawing inside a page: the names that it uses for its own parts are made the page's. Its text is said by the figure's label. */
function inline({ svg }: Drawn, id: string): Markup {
  return new Markup(
    svg
      .replace("<svg ", '<svg aria-hidden="true" focusable="false" ')
      .replaceAll(/\bid="([^"]+)"/g, `id="${id}-$1"`)
      .replaceAll(/url\(#/g, `url(#${id}-`),
  );
}
