import { realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { placeOf } from "../../project/place.ts";
import { distinctSweeps } from "../../runs/ablation.ts";
import { type FinishedRun, findRun } from "../../runs/finished-runs.ts";
import { expectIntact } from "../../runs/intact-run.ts";
import { testEvaluationCount, tornLedgerWarning } from "../../runs/ledger.ts";
import { Ablations } from "../../runs/run-ablations.ts";
import { runRowOf } from "../../runs/run-row.ts";
import { type SettingDifferences, settingDifferences, variesPrompt } from "../../runs/sweep-differences.ts";
import { cacheRoot } from "../../setup/cache.ts";
import { type Digests, openDigests } from "../../store/digest.ts";
import type { Context } from "../../util/context.ts";
import { fileInside } from "../../util/inside.ts";
import { readRegularFile } from "../../util/regular-file.ts";
import { casesOf } from "../facts/cases.ts";
import { factsOf } from "../facts/run-facts.ts";
import { renderFigures } from "../render/figures.ts";
import { readAssets, renderPage, reportPage } from "../render/html/page.ts";
import { type Pdf, renderPdf } from "../render/pdf.ts";
import { parseNotes } from "../report/author-notes.ts";
import { reportOf } from "../report/report.ts";
import { runNames } from "../report/run-names.ts";
import type { Study } from "../report/study.ts";
import { digestOf, namedFile } from "./named-files.ts";

/** The finished runs of a command, oldest first; `runs` and `finished` have the same order. */
export type FinishedStudy = Study & {
  readonly root: string;
  readonly artifacts: string;
  readonly finished: readonly FinishedRun[];
};

/** Finds runs by name and reads their facts and author notes. Throws UserError `run-not-found` or `file-gone`. */
export async function finishedStudy(
  command: string,
  names: readonly string[],
  context: Context,
): Promise<FinishedStudy> {
  const { root, artifacts } = placeOf(context.cwd);
  const found = names.map((name) => findRun(name, artifacts, context.cwd));
  // A run can be named twice: by its id and by `latest`.
  const finished = [...new Map(found.map((run) => [realpathSync(run.path), run])).values()].sort((a, b) =>
    a.manifest.created < b.manifest.created ? -1 : 1,
  );
  const digests = openDigests(cacheRoot(context.env));
  try {
    const study = studyOf(finished, { root, artifacts, digests }, (warning) =>
      context.err(`exp ${command}: warning: ${warning}\n`),
    );
    return { ...study, promptDifferences: await promptDifferencesOf(study) };
  } finally {
    digests.flush();
  }
}

/**
 * Checks that runs are intact, and reads their facts and author notes. `warn` receives missing notes files. Throws
 * UserError: run-damaged, file-gone.
 */
export function studyOf(
  finished: readonly FinishedRun[],
  { root, artifacts, digests }: Pick<FinishedStudy, "root" | "artifacts"> & { readonly digests: Digests },
  warn: (message: string) => void,
): FinishedStudy {
  for (const run of finished) expectIntact(run, artifacts, digests);
  const ablations = new Ablations();
  const facts = finished.map((run) => factsOf(run, testEvaluationCount(run, artifacts), ablations));
  const torn = tornLedgerWarning(finished, artifacts);
  if (torn !== undefined) warn(torn);
  const names = runNames(facts);
  const runs = facts.map((run, index) => ({ ...run, name: names[index] as string }));
  const notes = notesOf(finished, { root, artifacts }, warn);
  const promptFiles = promptFilesOf(finished, { root, artifacts });
  return { runs, notes, promptFiles, isExpClone: isExpClone(root), root, artifacts, finished };
}

function isExpClone(root: string): boolean {
  return fileInside(root, "runner/build.mjs") !== undefined;
}

/** The PDF report. The same runs and notes give the same bytes. */
export async function pdfOf(study: Study, context: Context): Promise<Pdf> {
  const report = reportOf(study);
  return renderPdf(report, await renderFigures(report.figures), join(context.packageRoot, "runner/templates"));
}

/** The report as a self-contained HTML file with all cases. Throws UserError `file-gone` if predictions are missing. */
export async function pageOf(study: FinishedStudy, context: Context): Promise<string> {
  const report = reportOf(study);
  const cases = await casesOf(study.finished, study.runs, study.root);
  const extras = { rows: study.finished.map(runRowOf), cases };
  const assets = readAssets(context.packageRoot);
  return renderPage(reportPage(report, await renderFigures(report.figures), extras, assets), assets);
}

/** The author notes of a report, merged over its runs; `warn` receives missing files. */
function notesOf(
  finished: readonly FinishedRun[],
  place: Pick<FinishedStudy, "root" | "artifacts">,
  warn: (message: string) => void,
): Readonly<Record<string, string>> {
  const notes: Record<string, string> = {};
  const paths = new Map(
    finished.flatMap((run) => {
      const file = run.manifest.config.report.notes;
      return file === undefined ? [] : [[file, namedFile(run, file, place)] as const];
    }),
  );
  for (const [file, path] of paths) {
    if (path === undefined) warn(`the author notes ${file} are not a file of this project`);
    else Object.assign(notes, parseNotes(readRegularFile(path, "notes file").toString("utf8")));
  }
  return notes;
}

/** The longest template or README that a report contains, in bytes. */
const longestPromptFile = 50_000;

/**
 * The texts of the prompt templates that runs declare, and of the README.md in their folders. A template that has
 * changed since a run used it is left out.
 */
function promptFilesOf(
  finished: readonly FinishedRun[],
  place: Pick<FinishedStudy, "root" | "artifacts">,
): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {};
  const add = (run: FinishedRun, file: string): void => {
    const path = namedFile(run, file, place);
    if (path === undefined || statSync(path).size > longestPromptFile) return;
    const bytes = readRegularFile(path, "template");
    const recorded = run.manifest.provenance.sources[file];
    if (recorded === undefined || recorded === digestOf(bytes)) texts[file] = bytes.toString("utf8");
  };
  for (const run of finished) {
    for (const { prompt } of [run.manifest.config, ...Object.values(run.manifest.compared ?? {})]) {
      for (const template of [prompt.template, prompt.zero_shot]) {
        if (template === undefined) continue;
        add(run, template);
        const folder = dirname(template);
        // The README of the project describes other things.
        if (folder !== ".") add(run, join(folder, "README.md"));
      }
    }
  }
  return texts;
}

/** The differences between the settings of each sweep that varies the prompt, by the run that represents the sweep. */
async function promptDifferencesOf(study: FinishedStudy): Promise<NonNullable<Study["promptDifferences"]>> {
  const ablations = new Ablations();
  const found: Record<string, SettingDifferences> = {};
  for (const { run, experiment, ablation } of distinctSweeps(study.runs)) {
    const own = study.finished.find(({ manifest }) => manifest.run === run && manifest.experiment === experiment);
    if (own === undefined || ablation === undefined || !variesPrompt(ablation)) continue;
    const table = ablations.of(own);
    const settings = table === undefined ? undefined : ablations.runsOf(table);
    const differences = settings === undefined ? undefined : await settingDifferences(settings, study);
    if (differences !== undefined) found[run] = differences;
  }
  return found;
}
