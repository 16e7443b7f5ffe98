import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { engines } from "../../plugins/engines/registry.ts";
import { chainOf } from "../../project/load.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { fileGone } from "../../runs/run-outputs.ts";
import type { Context } from "../../util/context.ts";
import { fileInside } from "../../util/inside.ts";
import { shellWord } from "../../util/shell.ts";
import { checklistMarkdown, checklistOf } from "../checklist/checklist.ts";
import type { Evidence } from "../checklist/checklist-item.ts";
import { filledNotebook } from "../checklist/notebook.ts";
import { readmeOf } from "../checklist/readme.ts";
import { missingNotes } from "../report/author-notes.ts";
import { usedEnvironments } from "../report/software.ts";
import type { RunFacts } from "../report/study.ts";
import { checklistInputOf } from "./checklist-input.ts";
import { type FinishedStudy, pageOf, pdfOf } from "./finished-study.ts";
import { digestOf, namedFile } from "./named-files.ts";
import { sweepWorkbook } from "./sweep-workbook.ts";

type Files = Record<string, string | Uint8Array>;

/** The files of the export by path, reports first. Throws UserError `file-gone` if predictions are missing. */
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
  const hasManyRuns = runs.length > 1;
  for (const run of finished) {
    const { experiment, run: name } = run.manifest;
    const suffix = hasManyRuns ? `${experiment}-${name}` : "";
    const workbook = runFile(run, "workbook.xlsx");
    if (workbook !== undefined) files[hasManyRuns ? `workbook-${suffix}.xlsx` : "workbook.xlsx"] = workbook;
    for (const arm of Object.keys(run.manifest.arms)) {
      const predictions = runFile(run, `${arm}/predictions.jsonl`);
      if (predictions === undefined) throw fileGone(`${experiment}/${name}: the predictions of ${arm} are missing`);
      files[join("predictions", suffix, `${arm}.jsonl`)] = predictions;
    }
    files[`manifests/${experiment}-${name}.json`] = readFileSync(run.path);
  }
  for (const path of declarationFiles(study, context, warn)) files[path] = readFileSync(join(root, path));
  const notebook = filledNotebook(
    readFileSync(projectOrPackageFile("notebooks/colab.ipynb", root, context), "utf8"),
    notebookOf(runs.at(-1) as RunFacts),
  );
  files["notebooks/colab.ipynb"] = notebook;
  // The folder is a study of its own: a Dockerfile or package.json of the project can name files that it lacks.
  const template = (name: string): string =>
    readFileSync(join(context.packageRoot, "runner/templates/study", name), "utf8");
  files.Dockerfile = template("Dockerfile").replaceAll("experiments/first.yaml", (runs.at(-1) as RunFacts).file);
  files[".dockerignore"] = template("dockerignore");
  files["package.json"] = packageJson(runs.at(-1) as RunFacts);
  const licence = fileInside(root, "LICENSE");
  if (licence !== undefined) files.LICENSE = readFileSync(join(root, "LICENSE"));

  const evidence = (file: string): Evidence => ({ file, sha256: digestOf(files[file] as string | Uint8Array) });
  const input = checklistInputOf(study, {
    notebook: evidence("notebooks/colab.ipynb"),
    dockerfile: evidence("Dockerfile"),
  });
  const manifests = Object.fromEntries(
    runs.map(({ experiment, run }) => [`${experiment}/${run}`, evidence(`manifests/${experiment}-${run}.json`)]),
  );
  const sweep = await sweepWorkbook(runs, manifests);
  if (sweep !== undefined) files["sweep.xlsx"] = sweep;
  files["checklist.md"] = checklistMarkdown(checklistOf({ ...input, manifests }));
  files["README.md"] = readmeOf({
    ...input,
    manifests,
    predictionFiles: Object.keys(files).filter((file) => file.startsWith("predictions/")),
  });
  for (const warning of missingNotes(notes)) warn(warning);
  return files;
}

/** The package of an exported study: it installs the version of exp that made the last run. */
function packageJson({ experiment, provenance }: RunFacts): string {
  const content = {
    ...{ name: experiment.toLowerCase(), private: true, type: "module", engines: { node: ">=20.19.0" } },
    dependencies: { "exp-study": provenance.exp },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** A file of a run's folder; undefined if it does not exist. */
function runFile({ path }: FinishedRun, file: string): Uint8Array | undefined {
  const full = join(dirname(path), file);
  return existsSync(full) ? readFileSync(full) : undefined;
}

/** The path of a project file, or of the package's file if the project has none. */
function projectOrPackageFile(file: string, root: string, { packageRoot }: Context): string {
  return fileInside(root, file) ?? join(packageRoot, file);
}

/**
 * The files that declare the runs and the compared experiments: experiments with the files that they extend, templates, label
 * files, author notes and replayed predictions. Never data files.
 */
function declarationFiles(
  study: Pick<FinishedStudy, "finished" | "root" | "artifacts">,
  context: Context,
  warn: (message: string) => void,
): readonly string[] {
  const { root } = study;
  const used = new Set<string>();
  for (const run of study.finished) {
    const { file, config, compared = {}, provenance } = run.manifest;
    for (const one of [file, ...config.compare]) {
      const path = namedFile(run, one, study);
      for (const part of path === undefined ? [] : chainOf(path, context)) used.add(relative(root, part));
    }
    for (const experiment of [config, ...Object.values(compared)]) {
      const { data, prompt, generate, report } = experiment;
      const { synonyms, groups } = data.labels ?? {};
      const engine = engines.find(generate.engine);
      const recorded = ["zero_shot", "tuned"].map((arm) => engine?.recorded?.(experiment, arm)?.file);
      const paths = [prompt.template, prompt.zero_shot, synonyms, groups, report.notes, ...recorded];
      for (const path of paths) if (path !== undefined && namedFile(run, path, study) !== undefined) used.add(path);
    }
    for (const [path, digest] of Object.entries(provenance.sources)) {
      const full = fileInside(root, path);
      if (used.has(path) && full !== undefined && digestOf(readFileSync(full)) !== digest)
        warn(`${path} has changed since the run. The export contains the current version.`);
    }
  }
  // Templates of the package, and everything else outside the project, are not exported.
  const inside = [...used].flatMap((path) => fileInside(root, path) ?? []);
  return [...new Set(inside.map((path) => relative(root, path)))].sort();
}

function notebookOf(run: RunFacts) {
  const { file, set, smoke } = run;
  const flags = [...set.flatMap((one) => ["--set", shellWord(one)]), ...(smoke ? ["--smoke"] : [])];
  return { experiment: file, environments: usedEnvironments([run]).join(" "), flags: flags.join(" ") };
}
