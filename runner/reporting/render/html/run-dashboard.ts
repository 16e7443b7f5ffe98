import type { RunList } from "../../report/run-list.ts";
import { type Html, html, jsonElement } from "./html.ts";

/** Controls and charts of the page of runs, which the page's script fills and shows. */
export function runFilters(): Html {
  return html`<form role="search" class="filters" id="run-filters" aria-label="Filter runs" hidden>
<div><label for="run-text">Search</label><input id="run-text" type="search" name="text" autocomplete="off" spellcheck="false"></div>
<div><label for="run-group">Group by</label><select id="run-group" name="group"></select></div>
<fieldset><legend>Condition</legend>
<select name="key" aria-label="Setting or metric"></select>
<select name="operator" aria-label="Relation"></select>
<input type="search" name="value" aria-label="Value" autocomplete="off" spellcheck="false">
<button type="submit">Add</button></fieldset>
<button type="button" id="clear-filters">Show all</button>
<ul id="conditions" class="chips" aria-label="Conditions"></ul>
<div class="row">
<div><label for="run-chart">Chart</label><select id="run-chart" name="chart"></select></div>
<div><label for="run-metric">Metric</label><select id="run-metric" name="metric"></select></div>
<div><label for="run-arm">Arm</label><select id="run-arm" name="arm"></select></div>
<div hidden><label for="run-x">Setting on the x axis</label><select id="run-x" name="x"></select></div>
</div>
<details><summary>Columns</summary><div id="columns" class="choices"></div></details>
</form>
<div id="charts" hidden><p class="note" id="chart-message" hidden></p>
<figure><div class="chart" id="runs-chart"></div><figcaption></figcaption></figure></div>
<p role="status" id="runs-shown"></p>
`;
}

/** The runs for the page's script. */
export const runsData = (list: RunList): Html => jsonElement("runs-data", list);
