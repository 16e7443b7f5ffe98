import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { chainOf } from "../../project/load.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { fileGone } from "../../runs/run-outputs.ts";
import type { Context } from "../../util/context.ts";
import { shellWord } from "../../util/shell.ts";
import { checklistMarkdown, checklistOf } from "../checklist/checklist.ts";
import type { Evidence } from "../checklist/checklist-item.ts";
import { filledNotebook } from "../checklist/notebook.ts";
import { readmeOf } from "../checklist/readme.ts";
import { missingNotes } from "../report/author-notes.ts";
import type { RunFacts } from "../report/study.ts";
import { materialOf } from "./checklist-input.ts";
import { type FinishedStudy, pageOf, pdfOf } from "./finished-study.ts";
import { sweepBook } from "./sweep-workbook.ts";

type Files = Record<string, string | Uint8Array>;

/** Every file of the hand-in by its path in the folder, in the order in which people look at them. */
export async function exportedFiles(
  study: FinishedStudy,
  context: Context,
  warn: (message: string) => void,
): Promise<Readonly<Files>> {
  const { runs, finished, root, notes } = study;
  const files: Files = {};
  if (runs.some(({ config }) => config.report.pdf)) {
    const { bytes, warnings } = await pdfOf(study, context);
    for (const warning of warnings) warn(warning);
    files["report.pdf"] = bytes;
  }
  if (runs.some(({ config }) => config.report.html)) files["report.html"] = await pageOf(study, context);
  const several = runs.length > 1;
  for (const run of finished) {
    const { experiment, run: name } = run.manifest;
    const own = several ? `${experiment}-${name}` : "";
    const workbook = beside(run, "workbook.xlsx");
    if (workbook !== undefined) files[several ? `workbook-${own}.xlsx` : "workbook.xlsx"] = workbook;
    for (const arm of Object.keys(run.manifest.arms)) {
      const predictions = beside(run, `${arm}/predictions.jsonl`);
      if (predictions === undefined) throw fileGone(`${experiment}/${name}: the predictions of ${arm} are gone`);
      files[join("predictions", own, `${arm}.jsonl`)] = predictions;
    }
    files[`manifests/${experiment}-${name}.json`] = readFileSync(run.path);
  }
  for (const path of usedFiles(runs, root, context, warn)) files[path] = readFileSync(join(root, path));
  const notebook = filledNotebook(
    readFileSync(standing("notebooks/colab.ipynb", root, context), "utf8"),
    notebookOf(runs.at(-1) as RunFacts),
  );
  files["notebooks/colab.ipynb"] = notebook;
  const own = join(root, "Dockerfile");
  files.Dockerfile = readFileSync(
    existsSync(own) ? own : join(context.packageRoot, "runner/templates/study/Dockerfile"),
  );

  const evidence = (file: string): Evidence => ({ file, sha256: digestOf(files[file] as string | Uint8Array) });
  const material = materialOf(study, {
    notebook: evidence("notebooks/colab.ipynb"),
    dockerfile: evidence("Dockerfile"),
  });
  const manifests = Object.fromEntries(
    runs.map(({ experiment, run }) => [`${experiment}/${run}`, evidence(`manifests/${experiment}-${run}.json`)]),
  );
  const sweep = await sweepBook(runs, manifests);
  if (sweep !== undefined) files["sweep.xlsx"] = sweep;
  files["checklist.md"] = checklistMarkdown(checklistOf({ ...material, manifests }));
  files["README.md"] = readmeOf({ ...material, manifests });
  const open = missingNotes(notes);
  if (open.length > 0)
    warn(`left for the authors: ${open.join(", ")} (report.notes: a Markdown file with these headings)`);
  return files;
}

/** A file of a run's folder; undefined where there is none. */
function beside({ path }: FinishedRun, file: string): Uint8Array | undefined {
  const full = join(dirname(path), file);
  return existsSync(full) ? readFileSync(full) : undefined;
}

/** A file of the project, or the one that the package ships. */
function standing(file: string, root: string, { packageRoot }: Context): string {
  return existsSync(join(root, file)) ? join(root, file) : join(packageRoot, file);
}

/**
 * What the runs, and those that they compare themselves with, were declared with: experiments and what they extend, templates,
 * label files, notes, replayed answers. Never the data.
 */
function usedFiles(
  runs: readonly RunFacts[],
  root: string,
  context: Context,
  warn: (message: string) => void,
): readonly string[] {
  const used = new Set<string>();
  for (const { file, config, compared, provenance } of runs) {
    for (const one of [file, ...config.compare]) {
      for (const path of chainOf(join(root, one), context)) used.add(relative(root, path));
    }
    for (const { data, prompt, generate, report } of [config, ...Object.values(compared)]) {
      const { synonyms, groups } = data.labels as { readonly synonyms?: string; readonly groups?: string };
      const replayed = generate.engine === "replay" ? [generate.file, generate.zero_shot] : [];
      const named = [prompt.template, prompt.zero_shot, synonyms, groups, report.notes, ...replayed];
      for (const path of named) if (path !== undefined) used.add(path);
    }
    for (const [path, digest] of Object.entries(provenance.sources)) {
      const full = join(root, path);
      if (used.has(path) && existsSync(full) && digestOf(readFileSync(full)) !== digest)
        warn(`${path} has changed since the run: the folder has it as it is now`);
    }
  }
  // A template that the package ships stays there: exp finds it.
  return [...used].filter((path) => !path.startsWith("..") && existsSync(join(root, path))).sort();
}

function notebookOf({ file, set, smoke, config }: RunFacts) {
  const environments = [...new Set(["torchtune", ...(config.train === undefined ? [] : [config.train.backend])])];
  const flags = [...set.flatMap((one) => ["--set", shellWord(one)]), ...(smoke ? ["--smoke"] : [])];
  return { experiment: file, environments: environments.join(" "), flags: flags.join(" ") };
}

function digestOf(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
