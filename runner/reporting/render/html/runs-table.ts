import type { ArmScore, RunRow } from "../../../runs/run-row.ts";
import { gigabytes, missing, reportDuration, score, withInterval } from "../../../util/format.ts";
import { metricName } from "../../report/display-names.ts";
import { settingsText } from "../../report/run-names.ts";
import { keepTogether } from "../keep-together.ts";
import { type Html, html } from "./html.ts";

/** Options of a run table: `linkOf` gives the page of a run, `choose` adds checkboxes for a comparison. */
export type RunsTable = { readonly linkOf?: (row: RunRow) => string; readonly choose?: boolean };

/** A sortable table of finished runs. */
export function runsTable(rows: readonly RunRow[], { linkOf, choose = false }: RunsTable = {}): Html {
  const priced = rows.some(({ price }) => price !== null);
  // Replayed runs have no memory. The table must fit next to the contents of a page that is 1,400 px wide.
  const measured = rows.some(({ memory }) => memory > 0);
  const head: readonly (readonly [name: string, side: "left" | "right"])[] = [
    ["experiment", "left"],
    ["run", "left"],
    ["metric", "left"],
    ["arm", "left"],
    [keepTogether("score [95 % CI]"), "right"],
    ["best other arm", "right"],
    ["time", "right"],
    ...(measured ? [["memory", "right"] as const] : []),
    ...(priced ? [["price", "right"] as const] : []),
    ["finished (UTC)", "left"],
    ["notes", "left"],
  ];
  return html`<div class="wide" role="region" aria-label="Runs" tabindex="0"><table class="sortable runs">
<caption>Finished runs. Select a column heading to sort.</caption>
<thead><tr>${choose && html`<td><span class="unseen">selected</span></td>`}${head.map(
    ([name, side]) => html`<th scope="col" class="${side}">${name}</th>`,
  )}</tr></thead>
<tbody>
${rows.map((row) => runLine(row, { priced, measured, choose }, linkOf?.(row)))}</tbody></table></div>
`;
}

function runLine(
  row: RunRow,
  { priced, measured, choose }: Readonly<Record<"priced" | "measured" | "choose", boolean>>,
  link: string | undefined,
): Html {
  const [own, ...others] = row.scores;
  const bestOther = others.reduce<ArmScore | undefined>(
    (best, one) => ((one.value ?? -1) > (best?.value ?? -1) ? one : best),
    undefined,
  );
  const name = `${row.experiment}/${row.run}`;
  return html`<tr${choose && html` data-run="${name}"`}>${
    choose && html`<td><input type="checkbox" name="run" value="${name}" aria-label="Select ${name}"></td>`
  }<th scope="row">${row.experiment}</th><td class="run">${link === undefined ? runLabel(row) : html`<a href="${link}">${runLabel(row)}</a>`}</td><td>${metricName(row.metric)} (${row.view})</td><td class="names">${own.name}</td><td class="right" data-value="${own.value ?? ""}">${scoreOf(own)}</td><td class="right names" data-value="${bestOther?.value ?? ""}">${
    bestOther === undefined ? missing : `${bestOther.name} ${score(bestOther.value)}`
  }</td><td class="right" data-value="${row.seconds}">${reportDuration(row.seconds)}</td>${measured && html`<td class="right" data-value="${row.memory}">${gigabytes(row.memory)}</td>`}${priced && html`<td class="right" data-value="${row.price ?? ""}">${row.price?.toFixed(2) ?? missing}</td>`}<td data-value="${row.created}">${row.created.slice(0, 16).replace("T", " ")}</td><td>${
    row.marks.length === 0 ? "" : row.marks.map((mark) => html`<span class="mark">${mark}</span> `)
  }</td></tr>
`;
}

/** The sweep coordinates and the digest of a run, shorter than the run's name. */
function runLabel({ run, coordinates }: RunRow): string {
  return coordinates === "" ? run : `${settingsText(coordinates)} (${run.slice(-8)})`;
}

function scoreOf({ value, interval }: ArmScore): string {
  return withInterval({ value, ...interval });
}
