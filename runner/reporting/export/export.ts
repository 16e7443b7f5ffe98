import { existsSync, lstatSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { analysisFiles } from "../../pipeline/steps/task.ts";
import { filesOf } from "../../plugins/data-part.ts";
import { engines } from "../../plugins/engines/registry.ts";
import { ownMetrics } from "../../plugins/metrics/own-metric.ts";
import { chainOf } from "../../project/load.ts";
import { type FinishedRun, runLabel } from "../../runs/finished-runs.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { fileGone } from "../../runs/run-outputs.ts";
import { uploadRecord } from "../../runs/upload-record.ts";
import type { Context } from "../../util/context.ts";
import { fileInside } from "../../util/inside.ts";
import { readOwnFile } from "../../util/regular-file.ts";
import { shellCommand, shellWord } from "../../util/shell.ts";
import { checklistMarkdown, checklistOf } from "../checklist/checklist.ts";
import type { Evidence } from "../checklist/checklist-item.ts";
import { filledNotebook } from "../checklist/notebook.ts";
import { readmeOf } from "../checklist/readme.ts";
import { missingNotes } from "../report/author-notes.ts";
import { usedEnvironments } from "../report/software.ts";
import type { RunFacts } from "../report/study.ts";
import { checklistInputOf } from "./checklist-input.ts";
import { type FinishedStudy, pageOf, pdfOf } from "./finished-study.ts";
import { digestOf, namedFile, ownFile } from "./named-files.ts";
import { packExp } from "./own-package.ts";
import { sweepWorkbook } from "./sweep-workbook.ts";

type Files = Record<string, string | Uint8Array>;

/** The files of the export by path, reports first. Throws UserError `file-gone` if predictions are missing. */
export async function exportedFiles(
  study: FinishedStudy,
  context: Context,
  warn: (message: string) => void,
): Promise<Readonly<Files>> {
  const { runs, finished, root } = study;
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
    const workbook = runFile(run, "workbook.xlsx");
    if (workbook !== undefined) files[hasManyRuns ? `workbook-${experiment}-${name}.xlsx` : "workbook.xlsx"] = workbook;
    Object.assign(files, runFiles(run));
  }
  for (const path of declarationFiles(study, context, warn)) files[path] = readFileSync(join(root, path));
  const notebook = filledNotebook(
    readFileSync(projectOrPackageFile("notebooks/colab.ipynb", root, context), "utf8"),
    notebookOf(runs.at(-1) as RunFacts),
  );
  files["notebooks/colab.ipynb"] = notebook;
  // The folder is a study of its own: a Dockerfile or package.json of the project can name files that it lacks.
  const last = runs.at(-1) as RunFacts;
  files.Dockerfile = dockerfile(runs, context);
  files[".dockerignore"] = readFileSync(join(context.packageRoot, "runner/templates/study/dockerignore"), "utf8");
  const exp = await packExp(context);
  if (exp === undefined) warn("npm is not installed, so the folder has no copy of exp.");
  else files[exp.name] = exp.bytes;
  files["package.json"] = packageJson(last, exp?.name);
  const licence = ownFile(root, "LICENSE");
  if (licence !== undefined) files.LICENSE = readFileSync(licence);

  const evidence = (file: string): Evidence => ({ file, sha256: digestOf(files[file] as string | Uint8Array) });
  const input = checklistInputOf(study, {
    notebook: evidence("notebooks/colab.ipynb"),
    dockerfile: evidence("Dockerfile"),
  });
  const manifests = Object.fromEntries(
    finished.map((run) => [runLabel(run), evidence(join(runFolder(run), "manifest.json"))]),
  );
  const uploads = Object.fromEntries(
    finished.flatMap((run) => {
      const upload = input.uploads[runLabel(run)];
      const file = `${runFolder(run)}.upload.json`;
      return upload === undefined || !(file in files)
        ? []
        : [[runLabel(run), { ...upload, record: evidence(file) }] as const];
    }),
  );
  const sweep = await sweepWorkbook(runs, manifests);
  if (sweep !== undefined) files["sweep.xlsx"] = sweep;
  const exported = { ...input, manifests, uploads, files: Object.keys(files) };
  files["checklist.md"] = checklistMarkdown(checklistOf(exported));
  files["README.md"] = readmeOf({ ...exported, files: [...exported.files, "checklist.md"] });
  for (const warning of missingNotes(study)) warn(warning);
  return files;
}

/** The folder of a run in an export. */
const runFolder = (run: FinishedRun): string => join("runs", runLabel(run));

/**
 * The manifest and the results of a run, by their paths in an export. Without weights, and without rows of the data
 * unless the study declares that they may be published. Throws UserError `file-gone` if predictions are missing.
 */
function runFiles(run: FinishedRun): Readonly<Files> {
  const { config, compared = {}, steps } = run.manifest;
  const files: Files = { [join(runFolder(run), "manifest.json")]: readFileSync(run.path) };
  const upload = uploadRecord(run);
  // A link next to a run from elsewhere could name any file of this machine.
  if (lstatSync(upload, { throwIfNoEntry: false })?.isFile() === true)
    files[`${runFolder(run)}.upload.json`] = readOwnFile(upload);
  const mayPublish = [config, ...Object.values(compared)].every(({ data }) => data.origin?.publish === true);
  for (const [step, output] of Object.entries(steps)) {
    const hasRows = ["data", "prompt", "candidates", "suspects"].includes(output.kind);
    for (const name of Object.keys(output.files)) {
      if (name.includes("/") || name === "workbook.xlsx" || (hasRows && name.endsWith(".jsonl") && !mayPublish))
        continue;
      const path = join(outputFolder(step), name);
      const bytes = runFile(run, path);
      if (bytes !== undefined) files[join(runFolder(run), path)] = bytes;
      else if (name === "predictions.jsonl") throw fileGone(`${runLabel(run)}: ${path} is missing`);
    }
  }
  return files;
}

/** The Dockerfile of an exported study. Without Python environments it needs neither CUDA nor a GPU. */
function dockerfile(runs: readonly RunFacts[], { packageRoot }: Context): string {
  const environments = usedEnvironments(runs);
  const template = (name: string): string => readFileSync(join(packageRoot, "runner/templates", name), "utf8");
  const text =
    environments.length === 0
      ? template("node.Dockerfile")
      : template("study/Dockerfile")
          .replace(/exp setup [a-z ]+(?= --torch)/, () => shellCommand("exp", "setup", ...environments))
          // The folder is no git repository.
          .replace(/ --build-arg COMMIT="[^"]*(?:'[^']*'[^"]*)*"/, "");
  return text.replaceAll("experiments/first.yaml", () => shellWord((runs.at(-1) as RunFacts).file));
}

/**
 * The package of an exported study: it installs the copy of exp in the folder, or the version that made the last run.
 */
function packageJson({ experiment, provenance }: RunFacts, copy: string | undefined): string {
  const content = {
    ...{
      name: experiment.toLowerCase(),
      private: true,
      type: "module",
      engines: { node: ">=20.19.0" },
    },
    dependencies: { "exp-study": copy === undefined ? provenance.exp : `file:${copy}` },
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
  return ownFile(root, file) ?? join(packageRoot, file);
}

/**
 * The files that declare the runs and the compared experiments: experiments with the files that they extend, templates,
 * files of the task, metric files, author notes and replayed predictions. Data files if the study declares that they
 * may be published.
 */
function declarationFiles(
  study: Pick<FinishedStudy, "finished" | "root" | "artifacts" | "promptFiles">,
  context: Context,
  warn: (message: string) => void,
): readonly string[] {
  const { root } = study;
  const used = new Set(Object.keys(study.promptFiles ?? {}));
  for (const run of study.finished) {
    const { file, config, compared = {}, provenance } = run.manifest;
    for (const one of [file, ...config.compare]) {
      const path = namedFile(run, one, study);
      for (const part of path === undefined ? [] : chainOf(path, context)) used.add(relative(root, part));
    }
    for (const experiment of [config, ...Object.values(compared)]) {
      const { data, prompt, generate, report, evaluate } = experiment;
      const metrics = ownMetrics(evaluate).map(({ file }) => file);
      const rows = data.origin?.publish === true ? [data.train, data.validation, data.test].flatMap(filesOf) : [];
      const engine = engines.find(generate.engine);
      const recorded = ["zero_shot", "tuned"].map((arm) => engine?.recorded?.(experiment, arm)?.file);
      const taskFiles = Object.values(analysisFiles(experiment));
      const scoring = [...metrics, evaluate.judge?.rubric];
      const paths = [prompt.template, prompt.zero_shot, ...taskFiles, report.notes, ...scoring, ...recorded, ...rows];
      for (const path of paths) if (path !== undefined && namedFile(run, path, study) !== undefined) used.add(path);
    }
    for (const [path, digest] of Object.entries(provenance.sources)) {
      const full = fileInside(root, path);
      if (used.has(path) && full !== undefined && digestOf(readFileSync(full)) !== digest)
        warn(`${path} has changed since the run. The export contains the current version.`);
    }
  }
  // Templates of the package, and everything else outside the project, are not exported.
  const inside = [...used].flatMap((path) => ownFile(root, path) ?? []);
  return [...new Set(inside.map((path) => relative(root, path)))].sort();
}

function notebookOf(run: RunFacts) {
  const { file, set, smoke } = run;
  const flags = [...set.flatMap((one) => ["--set", shellWord(one)]), ...(smoke ? ["--smoke"] : [])];
  return { experiment: file, environments: usedEnvironments([run]).join(" "), flags: flags.join(" ") };
}
