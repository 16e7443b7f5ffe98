import { filesOf, testPart } from "../../plugins/data-part.ts";
import { integer, missing, score, withInterval } from "../../util/format.ts";
import { shellWord } from "../../util/shell.ts";
import { armNamingOf, hasLabels, metricName } from "../report/display-names.ts";
import { hardwareText } from "../report/hardware.ts";
import { listedPackages, setupCommands } from "../report/software.ts";
import type { RunFacts } from "../report/study.ts";
import { trainingTime } from "../report/trainings.ts";
import { commandOf, leaves } from "../sections/reproduction.ts";
import { authorText } from "./author-text.ts";
import type { ChecklistInput, ReadmeInput } from "./checklist-item.ts";
import { codeBlock, table, unique } from "./markdown.ts";

/** Hardware and software of the runs, and the installation commands. */
export function environment(input: ReadmeInput): readonly string[] {
  const { runs, repository } = input;
  const setup = setupCommands(runs);
  const clone = repository === undefined ? [] : [`git clone ${shellWord(repository)} study && cd study`];
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
    ...codeBlock([...clone, "npm install", ...setup, "npx exp doctor"]),
    ...(repository === undefined ? ["", ...authorText(input, "Code repository", "address of the repository")] : []),
  ];
}

/** Data files with digests, and the size of each split. */
export function dataSet(input: ReadmeInput): readonly string[] {
  const run = input.runs.at(-1) as RunFacts;
  const { sources } = run.provenance;
  const { train, validation } = run.config.data;
  const files = Object.entries({ train, validation, test: testPart(run.config.data) }).flatMap(([split, part]) =>
    filesOf(part).map((file) => [split, file] as const),
  );
  return [
    ...authorText(input, "Data source", "source of the data, link if public, and terms of use"),
    "",
    ...(input.predictionFiles === undefined
      ? []
      : [
          "This folder does not contain the data files. The commands that run experiments need them at these paths:",
          "",
        ]),
    ...table(
      ["split", "file", "SHA-256"],
      files.map(([split, file]) => [split, `\`${file}\``, `\`${sources[file] ?? missing}\``]),
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
export function results({ runs }: ChecklistInput): readonly string[] {
  const { metrics, primary } = (runs.at(-1) as RunFacts).config.evaluate;
  const shown = metrics.slice(0, 4);
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
    "Commands that generate the table:",
    "",
    ...codeBlock([
      ...unique(runs.map(commandOf)),
      `npx exp compare ${runs.map(({ experiment, run }) => `${experiment}/${run}`).join(" ")}`,
      `npx exp report ${runs.map(({ experiment, run }) => `${experiment}/${run}`).join(" ")}`,
    ]),
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
