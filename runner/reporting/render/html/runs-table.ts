import type { ArmScore, RunRow } from "../../../runs/run-row.ts";
import { gigabytes, reportDuration, score } from "../../../util/format.ts";
import { armName, metricName } from "../../report/display-names.ts";
import { settingsText } from "../../report/run-names.ts";
import { html, type Markup } from "./html.ts";

/** How a table of runs is used: where each run's page is, and whether runs can be chosen for a comparison. */
export type RunsTable = { readonly linkOf?: (row: RunRow) => string; readonly choose?: boolean };

/** A table of finished runs whose columns a reader can sort by. */
export function runsTable(rows: readonly RunRow[], { linkOf, choose = false }: RunsTable = {}): Markup {
  const priced = rows.some(({ price }) => price !== null);
  const head: readonly (readonly [name: string, side: "left" | "right"])[] = [
    ["experiment", "left"],
    ["run", "left"],
    ["metric", "left"],
    ["about", "left"],
    ["score [95 %]", "right"],
    ["best other arm", "right"],
    ["time", "right"],
    ["memory", "right"],
    ...(priced ? [["price", "right"] as const] : []),
    ["finished (UTC)", "left"],
    ["marks", "left"],
  ];
  return html`<div class="wide" role="region" aria-label="Runs" tabindex="0"><table class="sortable runs">
<caption>Finished runs. Choose a heading to sort by it.</caption>
<thead><tr>${choose && html`<td><span class="unseen">chosen</span></td>`}${head.map(
    ([name, side]) => html`<th scope="col" class="${side}">${name}</th>`,
  )}</tr></thead>
<tbody>
${rows.map((row) => runLine(row, priced, choose, linkOf?.(row)))}</tbody></table></div>
`;
}

function runLine(row: RunRow, priced: boolean, choose: boolean, link: string | undefined): Markup {
  const [own, ...others] = row.scores;
  const rival = others.reduce<ArmScore | undefined>(
    (best, one) => ((one.value ?? -1) > (best?.value ?? -1) ? one : best),
    undefined,
  );
  const name = `${row.experiment}/${row.run}`;
  return html`<tr>${
    choose && html`<td><input type="checkbox" name="run" value="${name}" aria-label="Choose ${name}"></td>`
  }<th scope="row">${row.experiment}</th><td class="run">${link === undefined ? runWord(row) : html`<a href="${link}">${runWord(row)}</a>`}</td><td>${metricName(row.metric)} (${row.view})</td><td>${armName(own.arm)}</td><td class="right" data-value="${own.value ?? ""}">${scoreOf(own)}</td><td class="right" data-value="${rival?.value ?? ""}">${
    rival === undefined ? "–" : `${armName(rival.arm)} ${score(rival.value ?? undefined)}`
  }</td><td class="right" data-value="${row.seconds}">${reportDuration(row.seconds)}</td><td class="right" data-value="${row.memory}">${
    row.memory > 0 ? gigabytes(row.memory) : "–"
  }</td>${priced && html`<td class="right" data-value="${row.price ?? ""}">${row.price?.toFixed(2) ?? "–"}</td>`}<td data-value="${row.created}">${row.created.slice(0, 16).replace("T", " ")}</td><td>${
    row.marks.length === 0 ? "" : row.marks.map((mark) => html`<span class="mark">${mark}</span> `)
  }</td></tr>
`;
}

/** What varies in a sweep and the digest that ends its name, instead of a name too long for a column. */
function runWord({ run, coordinates }: RunRow): string {
  return coordinates === "" ? run : `${settingsText(coordinates)} (${run.slice(-8)})`;
}

function scoreOf({ value, interval }: ArmScore): string {
  const said = score(value ?? undefined);
  return interval === null ? said : `${said} [${score(interval.low)}, ${score(interval.high)}]`;
}
