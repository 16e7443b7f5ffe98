import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunRow } from "../../../runs/run-row.ts";
import type { Cases } from "../../report/cases.ts";
import type { Report } from "../../report/document.ts";
import type { Drawn } from "../figures.ts";
import { parseReferences } from "./bibliography.ts";
import { explorer } from "./case-explorer.ts";
import { type Entry, setBlocks } from "./document.ts";
import { html, Markup } from "./html.ts";
import { runsTable } from "./runs-table.ts";

/** What every page brings along: its looks, its script, and the bibliography. */
export type PageAssets = { readonly style: string; readonly script: string; readonly references: string };

/** Reads what pages need from the package. */
export function readAssets(packageRoot: string): PageAssets {
  const read = (path: string): string => readFileSync(join(packageRoot, path), "utf8");
  return {
    style: read("runner/templates/page.css"),
    script: read("dist/page.js"),
    references: read("runner/templates/references.bib"),
  };
}

/** A page before its frame: `contents` lists its sections, `links` lead to other pages. */
export type Page = {
  readonly title: string;
  readonly main: Markup;
  readonly contents?: readonly Entry[];
  readonly links?: Markup;
  /** Said at the top, and stays there. */
  readonly warning?: string;
};

/**
 * Puts a page into one file that works from a disk. Its script is named by its digest: a browser runs that one and nothing else,
 * and the page loads nothing from anywhere; `connect` lets the script ask the server that the page came from.
 */
export function setPage(page: Page, { style, script }: PageAssets, connect = false): string {
  const digest = createHash("sha256").update(script).digest("base64");
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${digest}'; ${connect ? "connect-src 'self'; " : ""}form-action 'self'; base-uri 'none'`;
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
<style>${new Markup(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><p class="name">exp</p>${page.links}</header>
${page.warning !== undefined && page.warning !== "" && html`<div class="warning" role="note">${page.warning}</div>\n`}<div class="columns">
${contents}<main id="main" tabindex="-1">
${page.main}</main>
</div>
<script>${new Markup(script)}</script>
</body>
</html>
`.text;
}

/** What the page of a report shows besides the report itself. */
export type ReportExtras = { readonly rows: readonly RunRow[]; readonly cases: Cases; readonly links?: Markup };

/** A report as a page: the blocks of the PDF, the runs, and every case. */
export function setReport(
  report: Report,
  figures: Readonly<Record<string, Drawn>>,
  { rows, cases, links }: ReportExtras,
  assets: PageAssets,
): Page {
  const { body, contents } = setBlocks(report.blocks, figures, parseReferences(assets.references));
  const abstract = setBlocks(
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
      ...contents,
      { id: "cases", text: "Cases", level: 1 },
    ],
    main: html`<h1>${report.title}</h1>
<p class="byline">${report.authors === "" ? html`<em>Authors: to be named in the notes</em>` : report.authors}<br>${report.date}</p>
<section id="abstract" aria-labelledby="abstract-title"><h2 id="abstract-title">Abstract</h2>
${abstract.body}</section>
<section id="runs" aria-labelledby="runs-title"><h2 id="runs-title">Runs</h2>
${runsTable(rows)}
<p><a href="#cases">All ${cases.cases.length.toLocaleString("en")} cases and what each arm answered</a></p></section>
${body}${explorer(cases)}`,
  };
}
