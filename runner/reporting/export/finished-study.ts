import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { placeOf } from "../../project/place.ts";
import { type FinishedRun, findRun } from "../../runs/finished-runs.ts";
import { looksOf } from "../../runs/ledger.ts";
import { Ablations } from "../../runs/run-ablations.ts";
import { runRowOf } from "../../runs/run-row.ts";
import type { Context } from "../../util/context.ts";
import { casesOf } from "../facts/cases.ts";
import { factsOf } from "../facts/run-facts.ts";
import { drawAll } from "../render/figures.ts";
import { readAssets, setPage, setReport } from "../render/html/page.ts";
import { type Pdf, setPdf } from "../render/pdf.ts";
import { parseNotes } from "../report/author-notes.ts";
import { reportOf } from "../report/report.ts";
import { runNames } from "../report/run-names.ts";
import type { Study } from "../report/study.ts";

/** The finished runs that a command was given, oldest first, with what a report says of each, in the same order. */
export type FinishedStudy = Study & {
  readonly root: string;
  readonly artifacts: string;
  readonly finished: readonly FinishedRun[];
};

/** Reads the runs that a command names, and the notes that they ask for. Throws UserError `run-not-found` or `file-gone`. */
export async function finishedStudy(
  command: string,
  given: readonly string[],
  context: Context,
): Promise<FinishedStudy> {
  const { root, artifacts } = placeOf(context.cwd);
  const ablations = new Ablations();
  const read = given
    .map((name) => findRun(name, artifacts, context.cwd))
    .map((run) => ({ run, facts: factsOf(run, looksOf(run, artifacts), ablations) }))
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

/** The PDF report over finished runs: the same runs and notes give the same bytes. */
export async function pdfOf(study: Study, context: Context): Promise<Pdf> {
  const report = reportOf(study);
  return setPdf(report, await drawAll(report.figures), join(context.packageRoot, "runner/templates"));
}

/** The report as one HTML file that works from a disk, with every case. Throws UserError `file-gone` if answers are gone. */
export async function pageOf(study: FinishedStudy, context: Context): Promise<string> {
  const report = reportOf(study);
  const extras = { rows: study.finished.map(runRowOf), cases: casesOf(study.finished, study.runs, study.root) };
  const assets = readAssets(context.packageRoot);
  return setPage(setReport(report, await drawAll(report.figures), extras, assets), assets);
}

/** What people wrote for a report, from its files; `warn` is told of those that are gone. */
export function notesOf(
  files: readonly string[],
  root: string,
  warn: (message: string) => void,
): Readonly<Record<string, string>> {
  const notes: Record<string, string> = {};
  for (const file of new Set(files)) {
    const path = resolve(root, file);
    if (existsSync(path)) Object.assign(notes, parseNotes(readFileSync(path, "utf8")));
    else warn(`the notes ${file} are gone`);
  }
  return notes;
}
