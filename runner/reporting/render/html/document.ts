import { casesFragment } from "../../browser/case-address.ts";
import type { Block, Cell, Span } from "../../report/document.ts";
import type { RenderedFigure } from "../figures.ts";
import { keptBlock } from "../keep-together.ts";
import type { Reference } from "./bibliography.ts";
import { Html, html } from "./html.ts";

/** An entry of the table of contents. */
export type Entry = { readonly id: string; readonly text: string; readonly level: number };

/** Rendered blocks and their table of contents. */
export type RenderedBlocks = { readonly body: Html; readonly contents: readonly Entry[] };

/** Renders blocks. Sections, tables and figures are numbered as in the PDF; references and citations are links. */
export function renderBlocks(
  blocks: readonly Block[],
  figures: Readonly<Record<string, RenderedFigure>>,
  references: readonly Reference[],
): RenderedBlocks {
  const contents: Entry[] = [];
  const numbers = [0, 0, 0];
  const anchors = anchorsOf(blocks);
  const cited: string[] = [];

  const headingOf = (level: number, text: string): Html => {
    numbers[level - 1] = (numbers[level - 1] as number) + 1;
    numbers.fill(0, level);
    const entry = { id: `section-${contents.length + 1}`, text: `${numbers.slice(0, level).join(".")} ${text}`, level };
    contents.push(entry);
    return new Html(`<h${level + 1} id="${entry.id}">${html`${entry.text}`.text}</h${level + 1}>\n`);
  };

  const cite = (key: string): Html | string => {
    if (!references.some((one) => one.key === key)) return "";
    if (!cited.includes(key)) cited.push(key);
    return html`<a href="#reference-${key}">[${cited.indexOf(key) + 1}]</a>`;
  };

  const span = (piece: Span): Html | string => {
    if (typeof piece === "string") return piece;
    if ("strong" in piece) return html`<strong>${piece.strong}</strong>`;
    if ("emph" in piece) return html`<em>${piece.emph}</em>`;
    if ("code" in piece) return html`<code>${piece.code}</code>`;
    if ("cite" in piece) return cite(piece.cite);
    if ("case" in piece) return html`<a href="${casesFragment({ id: piece.case })}">${piece.case}</a>`;
    const anchor = anchors.get(piece.ref);
    return anchor === undefined ? "" : html`<a href="#${anchor.id}">${anchor.text}</a>`;
  };
  const cell = (value: Cell): Html | string => (typeof value === "string" ? value : html`${value.map(span)}`);

  const renderTable = (block: Extract<Block, { type: "table" }>): Html => {
    const { id = "", text = "" } = anchors.get(block.id) ?? {};
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
<caption id="${id}-caption"><b>${text}.</b> ${block.caption}</caption>
${header}<tbody>
${rows}</tbody></table></div>
`;
  };

  const renderBlock = (block: Block): Html => {
    switch (block.type) {
      case "heading":
        return headingOf(block.level, block.text);
      case "paragraph":
        return html`<p>${block.spans.map(span)}</p>\n`;
      case "list":
        return html`<ul>\n${block.items.map((item) => html`<li>${item.map(span)}</li>\n`)}</ul>\n`;
      case "code":
        return html`<pre tabindex="0"><code>${block.text}</code></pre>\n`;
      case "table":
        return renderTable(block);
      case "figure": {
        const drawn = figures[block.id];
        const { id = "", text = "" } = anchors.get(block.id) ?? {};
        if (drawn === undefined) return html``;
        return html`<figure id="${id}"><div class="wide" role="region" aria-labelledby="${id}-caption" tabindex="0"><div class="drawing" role="img" aria-label="${block.alt}">${inline(drawn, id)}</div></div>
<figcaption id="${id}-caption"><b>${text}.</b> ${block.caption}</figcaption></figure>
`;
      }
    }
  };

  const rendered = blocks.map((block) => renderBlock(keptBlock(block)));
  const listed = cited.flatMap((key) => references.filter((one) => one.key === key));
  if (listed.length > 0) contents.push({ id: "references", text: "References", level: 1 });
  const bibliography =
    listed.length > 0 &&
    html`<h2 id="references">References</h2>
<ol class="references">
${listed.map(({ key, text }) => html`<li id="reference-${key}">${text}</li>\n`)}</ol>
`;
  return { body: html`${rendered}${bibliography}`, contents };
}

const nameless = html`<span class="unseen">row</span>`;

/** Id and reference text ("Table 2") of each table and figure. */
function anchorsOf(blocks: readonly Block[]): ReadonlyMap<string, { readonly id: string; readonly text: string }> {
  const counts = { table: 0, figure: 0 };
  const anchors = new Map<string, { id: string; text: string }>();
  for (const block of blocks) {
    if (block.type !== "table" && block.type !== "figure") continue;
    const number = ++counts[block.type];
    anchors.set(block.id, {
      id: `${block.type}-${number}`,
      text: `${block.type === "table" ? "Table" : "Figure"} ${number}`,
    });
  }
  return anchors;
}

/** Figures are laid out in points of a printed page; on a screen they are larger. */
const screenScale = 1.4;

/** Inline SVG with ids that are unique on the page. It is hidden from screen readers, which read the figure's label. */
function inline({ svg, width, height }: RenderedFigure, id: string): Html {
  const size = [width, height].map((length) => Math.round(length * screenScale));
  return new Html(
    svg
      .replace(
        / width="[\d.]+" height="[\d.]+"/,
        ` width="${size[0]}" height="${size[1]}" style="--width:${size[0]}px"`,
      )
      .replace("<svg ", '<svg aria-hidden="true" focusable="false" ')
      .replaceAll(/\bid="([^"]+)"/g, `id="${id}-$1"`)
      .replaceAll(/url\(#/g, `url(#${id}-`),
  );
}
