import type { Cases } from "../../report/cases.ts";
import { compactCases } from "../../report/compact-cases.ts";
import { dataElement, html, type Markup } from "./html.ts";

/** Name of the element that holds the cases; the page's script finds them there. */
const casesElement = "cases-data";

/** The explorer of cases: its controls, filled by the page's script, and the cases as data. */
export function explorer(cases: Cases): Markup {
  return html`<section id="cases" aria-labelledby="cases-title">
<h2 id="cases-title">Cases</h2>
<p>Every scored case with the answers of each arm, labels in the ${cases.view} view:
<span class="chip right"><span aria-hidden="true">✓ </span>right</span> named and in gold,
<span class="chip missed"><span aria-hidden="true">− </span>missed</span> in gold and not named,
<span class="chip added"><span aria-hidden="true">+ </span>added</span> named and not in gold.
In the texts, names of gold labels are <mark class="gold">underlined</mark>, those of added labels <mark class="added">dashed</mark>,
and what was searched is <mark class="found">boxed</mark>.</p>
${cases.notes.map((note) => html`<p class="note">${note}</p>\n`)}<noscript><p class="note">Cases are shown by this page's script, which is switched off.</p></noscript>
<form role="search" class="filters" id="filters" aria-label="Filter cases" hidden>
<div><label for="filter-text">Text</label><input id="filter-text" type="search" name="text" autocomplete="off" spellcheck="false"></div>
<div><label for="filter-arm">Arm</label><select id="filter-arm" name="arm"></select></div>
<div><label for="filter-answer">Answer</label><select id="filter-answer" name="answer"></select></div>
<div><label for="filter-label">Label</label><select id="filter-label" name="label"></select></div>
<button type="reset">Show all</button>
</form>
<p class="definition" id="definition" hidden></p>
<p role="status" id="shown"></p>
<div role="feed" id="feed" aria-labelledby="cases-title" aria-busy="false"></div>
<nav class="pager" aria-label="Pages of cases" id="pager" hidden>
<button type="button" name="previous">Previous</button>
<button type="button" name="next">Next</button>
<span class="hint">In the list, the arrow keys go from case to case.</span>
</nav>
</section>
${dataElement(casesElement, compactCases(cases))}`;
}
