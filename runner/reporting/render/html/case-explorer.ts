import type { Cases } from "../../report/cases.ts";
import { compactCases } from "../../report/compact-cases.ts";
import { type Html, html, jsonElement } from "./html.ts";

/** Id of the element with the cases, which the page's script reads. */
const casesElement = "cases-data";

/** The case explorer: empty controls, which the page's script fills, and the cases as JSON. */
export function caseExplorer(cases: Cases): Html {
  return html`<section id="cases" aria-labelledby="cases-title">
<h2 id="cases-title">Cases</h2>
<p>All evaluated cases with the predictions of every arm. ${cases.hasLabels ? "Labels" : "Answers"} are shown in the ${cases.view} view:
<span class="chip right"><span aria-hidden="true">✓ </span>right</span> predicted and gold,
<span class="chip missed"><span aria-hidden="true">− </span>missed</span> gold and not predicted,
<span class="chip added"><span aria-hidden="true">+ </span>added</span> predicted and not gold.
Input texts mark ${
    cases.hasLabels
      ? html`gold labels <mark class="gold">underlined</mark>, added labels <mark class="added">dashed</mark>,
and `
      : ""
  }search matches <mark class="found">boxed</mark>.</p>
${cases.notes.map((note) => html`<p class="note">${note}</p>\n`)}<noscript><p class="note">The case explorer requires JavaScript.</p></noscript>
<form role="search" class="filters" id="filters" aria-label="Filter cases" hidden>
<div><label for="filter-text">Text</label><input id="filter-text" type="search" name="text" autocomplete="off" spellcheck="false"></div>
<div><label for="filter-arm">Arm</label><select id="filter-arm" name="arm"></select></div>
<div><label for="filter-other">Compared with</label><select id="filter-other" name="other"></select></div>
<div><label for="filter-answer">Prediction</label><select id="filter-answer" name="answer"></select></div>
${
  cases.hasLabels
    ? html`<div><label for="filter-label">Label</label><select id="filter-label" name="label"></select></div>
`
    : ""
}<div><label for="filter-view">Arms</label><select id="filter-view" name="view"><option value="">in rows</option><option value="columns">side by side</option></select></div>
<button type="reset">Show all</button>
</form>
<p class="definition" id="definition" hidden></p>
<p role="status" id="shown"></p>
<p class="hint">Keyboard: the down arrow leads from the text filter to the cases; the arrow keys move between cases and pages.</p>
<div role="feed" id="feed" aria-labelledby="cases-title" aria-busy="false"></div>
<nav class="pager" aria-label="Pages of cases" id="pager" hidden>
<button type="button" name="previous">Previous</button>
<button type="button" name="next">Next</button>
</nav>
</section>
${jsonElement(casesElement, compactCases(cases))}`;
}
