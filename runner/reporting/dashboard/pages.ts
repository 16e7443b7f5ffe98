import { basename } from "node:path";
import type { Project } from "../../project/project.ts";
import { compareRuns } from "../../runs/compare.ts";
import { diffRuns } from "../../runs/diff.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { looksOf } from "../../runs/ledger.ts";
import { Ablations } from "../../runs/run-ablations.ts";
import type { RunRow } from "../../runs/run-row.ts";
import { runRowOf } from "../../runs/run-row.ts";
import { synonymsNow } from "../../runs/run-synonyms.ts";
import { type FinishedStudy, notesOf } from "../export/finished-study.ts";
import { casesOf } from "../facts/cases.ts";
import { factsOf } from "../facts/run-facts.ts";
import { drawAll } from "../render/figures.ts";
import { explorer } from "../render/html/case-explorer.ts";
import { setBlocks } from "../render/html/document.ts";
import { html, type Markup } from "../render/html/html.ts";
import { type PageAssets, setPage, setReport } from "../render/html/page.ts";
import { runsTable } from "../render/html/runs-table.ts";
import type { Block } from "../report/document.ts";
import { reportOf } from "../report/report.ts";
import { comparisonBlocks, diffBlocks } from "./comparison-blocks.ts";

/** What pages of `exp view` are made from. */
export type ViewWorld = Pick<Project, "root" | "artifacts" | "store"> & { readonly assets: PageAssets };

const home = html`<nav aria-label="Pages"><a href="/">All runs</a></nav>`;
const linkOf = ({ experiment, run }: RunRow): string =>
  `/runs/${encodeURIComponent(experiment)}/${encodeURIComponent(run)}`;

/** All runs, newest first, to be sorted and chosen for a comparison; above them what is going on. */
export function indexPage(runs: readonly FinishedRun[], { root, assets }: ViewWorld): string {
  const rows = runs.map(runRowOf).reverse();
  const table =
    rows.length === 0
      ? html`<p>No finished runs yet. Start one: <code>npx exp run experiments/quickstart.yaml</code></p>`
      : html`<form class="choose" action="/compare">${runsTable(rows, { linkOf, choose: true })}
<p><button class="compare" type="submit">Compare</button></p></form>`;
  const main = html`<h1>${basename(root)}</h1>
<section aria-labelledby="now"><h2 id="now">Running now</h2><p id="live-said" role="status"></p><div id="live"></div></section>
<section aria-labelledby="finished"><h2 id="finished">Finished runs</h2>
${table}</section>
`;
  return setPage({ title: `${basename(root)}: runs`, main }, assets, true);
}

/** The page of one run: that of `exp report --html`, with a way back. */
export async function runPage(run: FinishedRun, world: ViewWorld): Promise<string> {
  const study = studyOf([run], world);
  const report = reportOf(study);
  const extras = { rows: [runRowOf(run)], cases: casesOf([run], study.runs, world.root), links: home };
  return setPage(setReport(report, await drawAll(report.figures), extras, world.assets), world.assets);
}

/** Figures of a report that compare runs. */
const comparing = ["loss", "intervals", "cost-quality"];

/** Several runs side by side. Throws UserError `runs-not-comparable`, unless `force` compares what they have in common. */
export async function comparePage(
  runs: readonly [FinishedRun, ...FinishedRun[]],
  force: boolean,
  world: ViewWorld,
): Promise<string> {
  const compared = await compareRuns(runs, { ...world, force });
  const study = studyOf(runs, world);
  const report = reportOf(study);
  const pictures = report.blocks.filter((block) => block.type === "figure" && comparing.includes(block.id));
  const [first, second] = runs;
  const { view } = compared;
  const { synonyms } = synonymsNow(first, world.root);
  const differences =
    runs.length === 2 && second !== undefined
      ? diffBlocks(
          diffRuns(first, second, view, {
            artifacts: world.artifacts,
            peek: (key) => world.store.peek(key),
            ...(synonyms === undefined ? {} : { synonyms }),
          }),
        )
      : [];
  const blocks: readonly Block[] = [...comparisonBlocks(compared), ...pictures, ...differences];
  const { body, contents } = setBlocks(blocks, await drawAll(report.figures), []);
  const title = `Comparison of ${runs.length === 1 ? "one run" : `${runs.length} runs`}`;
  const main = html`<h1>${title}</h1>
${runsTable(runs.map(runRowOf), { linkOf })}${body}${explorer(casesOf(runs, study.runs, world.root))}`;
  const warning = report.warning;
  const listed = [...contents, { id: "cases", text: "Cases", level: 1 }];
  return setPage({ title, main, warning, contents: listed, links: home }, world.assets);
}

/** A page that says why there is nothing to see. */
export function messagePage(title: string, lines: readonly (string | Markup)[], { assets }: ViewWorld): string {
  const main = html`<h1>${title}</h1>\n${lines.map((line) => html`<p>${line}</p>\n`)}`;
  return setPage({ title, main, links: home }, assets);
}

function studyOf(runs: readonly FinishedRun[], { root, artifacts }: ViewWorld): FinishedStudy {
  const ablations = new Ablations();
  const facts = runs.map((run) => factsOf(run, looksOf(run, artifacts), ablations));
  const files = facts.flatMap(({ config }) => config.report.notes ?? []);
  return { runs: facts, notes: notesOf(files, root, () => {}), root, artifacts, finished: runs };
}
