import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { placeOf } from "../../project/place.ts";
import { type FinishedRun, findRun } from "../../runs/finished-runs.ts";
import { testEvaluationCount } from "../../runs/ledger.ts";
import { Ablations } from "../../runs/run-ablations.ts";
import { runRowOf } from "../../runs/run-row.ts";
import type { Context } from "../../util/context.ts";
import { casesOf } from "../facts/cases.ts";
import { factsOf } from "../facts/run-facts.ts";
import { renderFigures } from "../render/figures.ts";
import { readAssets, renderPage, reportPage } from "../render/html/page.ts";
import { type Pdf, renderPdf } from "../render/pdf.ts";
import { parseNotes } from "../report/author-notes.ts";
import { reportOf } from "../report/report.ts";
import { runNames } from "../report/run-names.ts";
import type { Study } from "../report/study.ts";

/** The finished runs of a command, oldest first; `runs` and `finished` have the same order. */
export type FinishedStudy = Study & {
  readonly root: string;
  readonly artifacts: string;
  readonly finished: readonly FinishedRun[];
};

/** Reads the given runs and their author notes. Throws UserError `run-not-found` or `file-gone`. */
export async function finishedStudy(
  command: string,
  given: readonly string[],
  context: Context,
): Promise<FinishedStudy> {
  const { root, artifacts } = placeOf(context.cwd);
  const ablations = new Ablations();
  const read = given
    .map((name) => findRun(name, artifacts, context.cwd))
    .map((run) => ({ run, facts: factsOf(run, testEvaluationCount(run, artifacts), ablations) }))
    .sort((a, b) => (a.facts.created < b.facts.created ? -1 : 1));
  const names = runNames(read.map(({ facts }) => facts));
  const runs = read.map(({ facts }, index) => ({ ...facts, name: names[index] as string }));
  const notes = notesOf(
    runs.flatMap(({ config }) => config.report.notes ?? []),
    root,
    (warning) => context.err(`exp ${command}: warning: ${warning}\n`),
  );
  return { runs, notes, root, artifacts, finished: read.map(({ run }) => run) };
}

/** The PDF report. The same runs and notes give the same bytes. */
export async function pdfOf(study: Study, context: Context): Promise<Pdf> {
  const report = reportOf(study);
  return renderPdf(report, await renderFigures(report.figures), join(context.packageRoot, "runner/templates"));
}

/** The report as one HTML file that works from a disk, with every case. Throws UserError `file-gone` if answers are gone. */
export async function pageOf(study: FinishedStudy, context: Context): Promise<string> {
  const report = reportOf(study);
  const extras = { rows: study.finished.map(runRowOf), cases: casesOf(study.finished, study.runs, study.root) };
  const assets = readAssets(context.packageRoot);
  return renderPage(reportPage(report, await renderFigures(report.figures), extras, assets), assets);
}

/** The author notes of a report, merged over its files; `warn` receives missing files. */
export function notesOf(
  files: readonly string[],
  root: string,
  warn: (message: string) => void,
): Readonly<Record<string, string>> {
  const notes: Record<string, string> = {};
  for (const file of new Set(files)) {
    const path = resolve(root, file);
    if (existsSync(path)) Object.assign(notes, parseNotes(readFileSync(path, "utf8")));
    else warn(`the author notes ${file} do not exist`);
  }
  return notes;
}
