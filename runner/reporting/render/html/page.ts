import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunRow } from "../../../runs/run-row.ts";
import { integer } from "../../../util/format.ts";
import type { Cases } from "../../report/cases.ts";
import type { Report } from "../../report/document.ts";
import type { RenderedFigure } from "../figures.ts";
import { readReferences } from "../references.ts";
import { parseReferences } from "./bibliography.ts";
import { caseExplorer } from "./case-explorer.ts";
import { type Entry, renderBlocks } from "./document.ts";
import { Html, html } from "./html.ts";
import { runsTable } from "./runs-table.ts";

/** Style sheet, scripts and bibliography of all pages. */
export type PageAssets = {
  readonly style: string;
  readonly script: string;
  /** The script with Vega, which pages with charts include too. */
  readonly dashboard: string;
  readonly references: string;
};

/** Reads the assets from the package. */
export function readAssets(packageRoot: string): PageAssets {
  const read = (path: string): string => readFileSync(join(packageRoot, path), "utf8");
  return {
    style: read("runner/templates/page.css"),
    script: read("dist/page.js"),
    dashboard: read("dist/dashboard.js"),
    references: readReferences(join(packageRoot, "runner/templates")),
  };
}

/** The content of a page: `contents` is the table of contents, `links` is the navigation to other pages. */
export type Page = {
  readonly title: string;
  readonly main: Html;
  readonly contents?: readonly Entry[];
  readonly links?: Html;
  /** A notice that stays at the top of the page. */
  readonly warning?: string;
};

/**
 * Renders a self-contained HTML file. Its content security policy allows only the embedded scripts, by digest, and no requests;
 * `connect` allows requests to the page's own server, `charts` includes the script with Vega.
 */
export function renderPage(
  page: Page,
  { style, script, dashboard }: PageAssets,
  { connect = false, charts = false }: { readonly connect?: boolean; readonly charts?: boolean } = {},
): string {
  const scripts = charts ? [script, dashboard] : [script];
  const digests = scripts.map((one) => `'sha256-${createHash("sha256").update(one).digest("base64")}'`).join(" ");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${digests}; ${connect ? "connect-src 'self'; " : ""}form-action 'self'; base-uri 'none'`;
  const contents =
    page.contents !== undefined &&
    html`<nav class="contents" aria-label="Contents"><ul>
${page.contents.filter(({ level }) => level < 3).map(({ id, text, level }) => html`<li class="level-${level}"><a href="#${id}">${text}</a></li>\n`)}</ul></nav>
`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${page.title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header><p class="name">exp</p>${page.links}</header>
${page.warning !== undefined && page.warning !== "" && html`<div class="warning" role="note">${page.warning}</div>\n`}<div class="columns">
${contents}<main id="main" tabindex="-1">
${page.main}</main>
</div>
${scripts.map((one) => html`<script>${new Html(one)}</script>`)}
</body>
</html>
`.text;
}

/** The parts of a report page that the PDF does not have. */
export type ReportExtras = {
  readonly rows: readonly RunRow[];
  readonly cases: Cases;
  readonly links?: Html;
  /** A section after the runs, and its heading. */
  readonly curves?: Html;
};

/** The learning curves in the table of contents. */
export const curvesEntry: Entry = { id: "curves", text: "Learning curves", level: 1 };

/** A report as a page: the blocks of the PDF, the run table and the case explorer. */
export function reportPage(
  report: Report,
  figures: Readonly<Record<string, RenderedFigure>>,
  { rows, cases, links, curves }: ReportExtras,
  assets: PageAssets,
): Page {
  const { body, contents } = renderBlocks(report.blocks, figures, parseReferences(assets.references));
  const abstract = renderBlocks(
    [...report.abstract].map((spans) => ({ type: "paragraph", spans })),
    {},
    [],
  );
  return {
    title: report.title,
    warning: report.warning,
    ...(links === undefined ? {} : { links }),
    contents: [
      { id: "abstract", text: "Abstract", level: 1 },
      { id: "runs", text: "Runs", level: 1 },
      ...(curves === undefined ? [] : [curvesEntry]),
      ...contents,
      { id: "cases", text: "Cases", level: 1 },
    ],
    main: html`<h1>${report.title}</h1>
<p class="byline">${report.authors === "" ? "" : html`${report.authors}<br>`}${report.date}</p>
<section id="abstract" aria-labelledby="abstract-title"><h2 id="abstract-title">Abstract</h2>
${abstract.body}</section>
<section id="runs" aria-labelledby="runs-title"><h2 id="runs-title">Runs</h2>
${runsTable(rows)}
<p><a href="#cases">All ${integer(cases.cases.length)} cases with the predictions of every arm</a></p></section>
${curves}${body}${caseExplorer(cases)}`,
  };
}
