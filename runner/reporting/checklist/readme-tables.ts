import { dirname } from "node:path";
import { filesOf, testPart } from "../../plugins/data-part.ts";
import { shownMetrics } from "../../plugins/metrics/own-metric.ts";
import { datasetFiles } from "../../runs/dataset-files.ts";
import { integer, missing, score, withInterval } from "../../util/format.ts";
import { shellCommand, shellWord } from "../../util/shell.ts";
import { armNamingOf, hasLabels, metricName } from "../report/display-names.ts";
import { hardwareText } from "../report/hardware.ts";
import { listedPackages, setupCommands } from "../report/software.ts";
import type { RunFacts } from "../report/study.ts";
import { trainingTime } from "../report/trainings.ts";
import { commandOf, leaves } from "../sections/reproduction.ts";
import { authorText } from "./author-text.ts";
import { declaredOrigin, nameOf, outputPath, type ReadmeInput } from "./checklist-item.ts";
import { codeBlock, table, unique } from "./markdown.ts";

/** Hardware and software of the runs, and the installation commands. */
export function environment(input: ReadmeInput): readonly string[] {
  const { runs, repository, isExpClone, files } = input;
  const setup = setupCommands(runs);
  const isExport = files !== undefined;
  const clone = repository === undefined || isExport ? [] : [`git clone ${shellWord(repository)} study && cd study`];
  const install = isExpClone === true && !isExport ? "npm ci && npm run build" : "npm install";
  const copy = files?.find((file) => file.endsWith(".tgz"));
  return [
    ...table(
      ["run", "operating system", "hardware", "exp, Node.js", "Python environments"],
      runs.map(({ experiment, run, provenance: { os, hardware, exp, node, locks } }) => [
        `${experiment}/${run}`,
        os,
        hardwareText(hardware),
        `${exp}, ${node}`,
        Object.entries(locks)
          .map(([name, sha256]) => `${name} (lock ${sha256.slice(0, 12)})`)
          .join(", ") || "none",
      ]),
    ),
    "",
    setup.length === 0
      ? "Requirement: Node.js 20.19 or newer. The runs used no Python environment:"
      : "Requirements: Node.js 20.19 or newer and Python 3.11 to 3.13 with `venv`. Packages are installed from lock files with hashes:",
    "",
    ...codeBlock([...clone, install, ...setup, "npx exp doctor"]),
    ...(copy === undefined
      ? []
      : [
          "",
          `\`${copy}\` is the version of exp that wrote this folder. \`npm install\` installs it. It is a program that the authors of this folder give you. If you do not trust them, read the folder with an exp of your own.`,
        ]),
    "",
    ...(repository === undefined
      ? authorText(input, "Code repository", "address of the repository")
      : [`Repository: \`${repository}\``]),
  ];
}

/** Data files with digests, and the size of each split. */
export function dataSet(input: ReadmeInput): readonly string[] {
  const run = input.runs.at(-1) as RunFacts;
  const { sources } = run.provenance;
  const { train, validation } = run.config.data;
  const files = Object.entries({ train, validation, test: testPart(run.config.data) }).flatMap(([split, part]) => [
    ...filesOf(part).map((file) => [split, file, sources[file]] as const),
    ...datasetFiles(run, part).map(({ name, sha256 }) => [split, name, sha256] as const),
  ]);
  return [
    ...dataSource(input),
    "",
    ...(input.files === undefined
      ? []
      : [
          files.every(([, file]) => input.files?.includes(file))
            ? "This folder contains the data files:"
            : "This folder does not contain the data files. The commands that run experiments need them at these paths:",
          "",
        ]),
    ...table(
      ["split", "file", "SHA-256"],
      files.map(([split, file, sha256]) => [split, `\`${file}\``, `\`${sha256 ?? missing}\``]),
    ),
    "",
    ...table(
      ["split", "rows used", ...(hasLabels(run.config) ? ["labels (basic view)", "labels per row"] : [])],
      Object.entries(run.audit?.splits ?? {}).map(([split, facts]) => [
        split,
        integer(facts.rows),
        ...(hasLabels(run.config) ? [integer(facts.labels_basic), facts.labels_per_row.toFixed(2)] : []),
      ]),
    ),
  ];
}

/** The source that the study declares, the text of the author notes, or both. */
function dataSource(input: ReadmeInput): readonly string[] {
  const { source, link, dataset, license } = declaredOrigin(input) ?? {};
  const declared = [
    source,
    link,
    dataset === undefined ? undefined : `\`${dataset}\` on the Hugging Face Hub`,
    license === undefined ? undefined : `Licence of the data: ${license}`,
  ].filter((part) => part !== undefined);
  const hasNotes = input.notes["data source"] !== undefined;
  return declared.length > 0 && !hasNotes
    ? declared.map((part) => `- ${part}`)
    : authorText(input, "Data source", "source of the data, link if public, and terms of use");
}

/** All parameters of a training. */
export function hyperParameters(run: RunFacts): readonly string[] {
  return [
    "",
    `${run.name} (run \`${run.run}\`), model \`${run.config.model.base}\`${run.config.model.revision === undefined ? "" : ` at \`${run.config.model.revision}\``}, ${trainingTime(run.steps.train)}:`,
    "",
    ...table(
      ["key", "value"],
      leaves({ train: run.config.train }).map(([key, value]) => [`\`${key}\``, value]),
    ),
  ];
}

/** The scores of all arms of all runs, and the commands that generate the table. */
export function results(input: ReadmeInput): readonly string[] {
  const { runs, manifests, files } = input;
  const named = runs.map((run) => (files === undefined ? nameOf(run) : dirname(manifests[nameOf(run)]?.file ?? "")));
  // The page shows the inputs of the cases.
  const hasRows = runs.every(
    (run) => files?.includes(outputPath(input, run, "data", `${run.config.evaluate.split}.jsonl`)) !== false,
  );
  const { evaluate } = (runs.at(-1) as RunFacts).config;
  const { primary } = evaluate;
  const shown = shownMetrics(evaluate).slice(0, 4);
  return [
    `Scores of all arms in the ${primary.view} view. An arm is one system that answers every case: a model or a baseline. Runs with several arms have 95 % confidence intervals over cases.`,
    "",
    ...table(
      ["run", "arm", ...shown.map(metricName)],
      runs.flatMap((run) =>
        run.arms.map(({ name, views }) => [
          run.name,
          armNamingOf(run)(name),
          ...shown.map((metric) => {
            const measured = run.comparison?.arms[name]?.[metric];
            return measured === undefined
              ? score(views[run.config.evaluate.primary.view]?.[metric])
              : withInterval(measured);
          }),
        ]),
      ),
    ),
    "",
    "Commands that generate the table with its tests, and the report:",
    "",
    ...codeBlock([
      shellCommand("npx", "exp", "compare", ...named),
      shellCommand("npx", "exp", "report", ...named, ...(hasRows ? ["--html"] : [])),
    ]),
    "",
    "Commands that run the study again from its data:",
    "",
    ...codeBlock(unique(runs.map(commandOf))),
  ];
}

/** Software of the runs with versions. */
export function software(runs: readonly RunFacts[]): readonly string[] {
  const packages = runs.flatMap(({ provenance }) => listedPackages(provenance).flatMap((one) => one.packages));
  return unique([
    ...runs.map(({ provenance: { exp } }) => `exp ${exp}`),
    ...packages.map(([name, version]) => `${name} ${version}`),
  ]);
}
