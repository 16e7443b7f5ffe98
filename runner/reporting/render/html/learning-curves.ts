import type { LearningCurves } from "../../report/learning-curves.ts";
import { type Html, html, jsonElement } from "./html.ts";

/** The learning curves of a page: controls and a chart, which the script with Vega fills. */
export function learningCurvesSection(curves: LearningCurves): Html {
  return html`<section id="curves" aria-labelledby="curves-title"><h2 id="curves-title">Learning curves</h2>
<form class="filters" id="curve-controls" aria-label="Learning curves" hidden>
<div><label for="curve-quantity">Quantity</label><select id="curve-quantity" name="quantity"></select></div>
<div><label for="curve-x">By</label><select id="curve-x" name="x"><option value="step">optimiser step</option><option value="epoch">epoch</option></select></div>
</form>
<figure><div class="chart" id="curves-chart"></div><figcaption></figcaption></figure>
<p class="hint">Training losses are running means over batches.</p></section>
${jsonElement("curves-data", curves)}`;
}
