import { basename } from "node:path";
import type { MetricOpener } from "../../project/own-metrics.ts";
import type { Project } from "../../project/project.ts";
import { compareRuns } from "../../runs/compare.ts";
import { diffRuns } from "../../runs/diff.ts";
import { type FinishedRun, runLabel, type UnreadableRun } from "../../runs/finished-runs.ts";
import { recordsOf } from "../../runs/run-origin.ts";
import type { RunRow } from "../../runs/run-row.ts";
import { runRowOf } from "../../runs/run-row.ts";
import { runTask } from "../../runs/run-task.ts";
import { plural } from "../../util/format.ts";
import { casesFragment } from "../browser/case-address.ts";
import { studyOf } from "../export/finished-study.ts";
import { caseArmName, casesOf } from "../facts/cases.ts";
import { renderFigures } from "../render/figures.ts";
import { caseExplorer } from "../render/html/case-explorer.ts";
import { renderBlocks } from "../render/html/document.ts";
import { type Html, html } from "../render/html/html.ts";
import { learningCurvesSection } from "../render/html/learning-curves.ts";
import { curvesEntry, type PageAssets, renderPage, reportPage } from "../render/html/page.ts";
import { runFilters, runsData } from "../render/html/run-dashboard.ts";
import { runsTable } from "../render/html/runs-table.ts";
import { armNaming } from "../report/display-names.ts";
import type { Block } from "../report/document.ts";
import { reportOf } from "../report/report.ts";
import {
  comparisonBlocks,
  diffBlocks,
  differencesFigure,
  settingsBlocks,
  withShortNames,
} from "./comparison-blocks.ts";
import { learningCurvesOf } from "./learning-curves.ts";
import { runListOf } from "./run-list.ts";

/** The data of the pages of `exp view`. */
export type ViewContext = Pick<Project, "root" | "artifacts" | "store" | "digests"> & {
  readonly assets: PageAssets;
  readonly metric: MetricOpener;
  /** The prefix of the addresses of pages, such as "/token". */
  readonly base: string;
};

const home = (base: string): Html => html`<nav aria-label="Pages"><a href="${`${base}/`}">All runs</a></nav>`;
const linkIn =
  (base: string) =>
  ({ experiment, run }: RunRow): string =>
    `${base}/runs/${encodeURIComponent(experiment)}/${encodeURIComponent(run)}`;

/**
 * The start page: running experiments, and all finished runs, newest first, with checkboxes for a comparison. A run whose
 * manifest is damaged is one item of a list.
 */
export function indexPage(
  runs: readonly FinishedRun[],
  unreadable: readonly UnreadableRun[],
  { root, assets, base }: ViewContext,
): string {
  const linkOf = linkIn(base);
  const damaged = unreadable.map(({ label, error }) => ({ label, code: error.code }));
  const readable: FinishedRun[] = [];
  const rows = runs
    .flatMap((run) => {
      try {
        const row = runRowOf(run);
        // A value of a wrong type shows only when the row is rendered.
        runsTable([row]);
        runListOf([run], linkOf);
        readable.push(run);
        return [row];
      } catch {
        damaged.push({ label: runLabel(run), code: "manifest-unreadable" });
        return [];
      }
    })
    .reverse();
  const table =
    rows.length === 0
      ? html`<p>There are no finished runs. Start one with the file of an experiment: <code>npx exp run FILE</code></p>`
      : html`${runFilters()}<form class="run-selection" action="${`${base}/compare`}">${runsTable(rows, { linkOf, choose: true })}
<p><button class="compare" type="submit">Compare</button></p></form>${runsData(runListOf(readable, linkOf))}`;
  const main = html`<h1>${basename(root)}</h1>
<section aria-labelledby="now"><h2 id="now">Running now</h2><p id="live-status" role="status"></p><div id="live"></div></section>
<section aria-labelledby="finished"><h2 id="finished">Finished runs</h2>
${table}${damagedRuns(damaged)}</section>
`;
  return renderPage({ title: `${basename(root)}: runs`, main }, assets, { connect: true, charts: true });
}

function damagedRuns(damaged: readonly { readonly label: string; readonly code: string }[]): Html {
  if (damaged.length === 0) return html``;
  return html`<p>These runs cannot be read. <code>npx exp verify</code> shows what is wrong.</p>
<ul>${damaged.map(({ label, code }) => html`<li>${label} <span class="mark">${code}</span></li>`)}</ul>`;
}

/** The page of one run: the page of `exp report --html` with a link to the start page and the learning curves. */
export async function runPage(run: FinishedRun, context: ViewContext): Promise<string> {
  const study = studyOf([run], context, () => {});
  const report = reportOf(study);
  const curves = learningCurvesOf(study.runs);
  const extras = {
    rows: [runRowOf(run)],
    cases: await casesOf([run], study.runs, context.root),
    links: home(context.base),
    ...(curves === undefined ? {} : { curves: learningCurvesSection(curves) }),
  };
  const page = reportPage(report, await renderFigures(report.figures), extras, context.assets);
  return renderPage(page, context.assets, { charts: curves !== undefined });
}

/** Figures that compare runs. */
const comparisonFigures = ["intervals", "cost-quality"];

/** The comparison of several runs. `force` compares the shared cases. Throws UserError `runs-not-comparable` without it. */
export async function comparePage(
  runs: readonly [FinishedRun, ...FinishedRun[]],
  force: boolean,
  context: ViewContext,
): Promise<string> {
  const linkOf = linkIn(context.base);
  // First, because it checks that the runs are intact.
  const study = studyOf(runs, context, () => {});
  const compared = withShortNames(await compareRuns(runs, { ...context, force }), runs);
  const report = reportOf(study);
  const figures = report.blocks.filter((block) => block.type === "figure" && comparisonFigures.includes(block.id));
  const [first, second] = runs;
  const { view } = compared;
  const { open } = await runTask(first, context.root);
  const differences =
    runs.length === 2 && second !== undefined
      ? diffBlocks(
          diffRuns(first, second, view, {
            artifacts: context.artifacts,
            record: recordsOf([first, second], context.store),
            parts: (value, shown = "raw", gold) => open.parts(value, shown, gold),
          }),
          armNaming({ ...second.manifest, arms: Object.keys(second.manifest.arms) }),
        )
      : [];
  const settings = runs.length > 2 ? settingsBlocks(runListOf(runs, linkOf)) : [];
  const blocks: readonly Block[] = [...comparisonBlocks(compared), ...settings, ...figures, ...differences];
  const forest = differencesFigure(compared);
  const specs = { ...report.figures, ...(forest === undefined ? {} : { differences: forest }) };
  const { body, contents } = renderBlocks(blocks, await renderFigures(specs), []);
  const curves = learningCurvesOf(study.runs);
  const title = `Comparison of ${plural(runs.length, "run")}`;
  const main = html`<h1>${title}</h1>
${runsTable(runs.map(runRowOf), { linkOf })}
${flippedLink(runs)}<p><a href="${casesFragment({ answer: "differ", view: "columns" })}">Cases that some arms answer right and others wrong, side by side</a></p>
${body}${curves && learningCurvesSection(curves)}${caseExplorer(await casesOf(runs, study.runs, context.root))}`;
  const warning = report.warning;
  const listed = [
    ...contents,
    ...(curves === undefined ? [] : [curvesEntry]),
    { id: "cases", text: "Cases", level: 1 },
  ];
  return renderPage({ title, main, warning, contents: listed, links: home(context.base) }, context.assets, {
    charts: curves !== undefined,
  });
}

/** A link to the cases that one of two runs answers right and the other wrong. Nothing for other numbers of runs. */
function flippedLink(runs: readonly FinishedRun[]): Html {
  const [first, second] = runs;
  if (runs.length !== 2 || first === undefined || second === undefined) return html``;
  const [arm, other] = [first, second].map((run) => caseArmName(runs, run, runRowOf(run).scores[0].arm));
  if (arm === undefined || other === undefined || arm === other) return html``;
  const address = casesFragment({ arm, other, answer: "differ", view: "columns" });
  return html`<p><a href="${address}">Cases that only one of the two runs answers right: ${arm}, ${other}</a></p>
`;
}

/** A page with a message. */
export function messagePage(title: string, lines: readonly (string | Html)[], { assets, base }: ViewContext): string {
  const main = html`<h1>${title}</h1>\n${lines.map((line) => html`<p>${line}</p>\n`)}`;
  return renderPage({ title, main, links: home(base) }, assets);
}
