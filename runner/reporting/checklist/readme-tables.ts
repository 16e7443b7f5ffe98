import { integer, score, withInterval } from "../../util/format.ts";
import { armName, metricName } from "../report/display-names.ts";
import { hardwareText } from "../report/hardware.ts";
import type { RunFacts } from "../report/study.ts";
import { trainingTime } from "../report/trainings.ts";
import { commandOf, leaves } from "../sections/reproduction.ts";
import { slot } from "./author-text.ts";
import type { Material } from "./checklist-item.ts";
import { block, table, unique } from "./markdown.ts";

/** What runs were made on and with, and how to have the same. */
export function environment({ runs }: Material): readonly string[] {
  const backends = new Set(["torchtune", ...runs.flatMap(({ config }) => config.train?.backend ?? [])]);
  return [
    ...table(
      ["run", "system", "hardware", "exp, Node.js", "environment"],
      runs.map(({ experiment, run, provenance: { os, hardware, exp, node, locks } }) => [
        `${experiment}/${run}`,
        os,
        hardwareText(hardware),
        `${exp}, ${node}`,
        Object.entries(locks)
          .map(([name, sha256]) => `${name} (lock ${sha256.slice(0, 12)})`)
          .join(", "),
      ]),
    ),
    "",
    "Node.js 20.19 or newer and Python 3.11 to 3.13 with `venv`; packages come from hash-checked lock files:",
    "",
    ...block(["npm install", `npx exp setup ${[...backends].join(" ")}`, "npx exp doctor"]),
  ];
}

/** Files of the data by their digests, and what each part holds. */
export function dataSet(material: Material): readonly string[] {
  const run = material.runs.at(-1) as RunFacts;
  const { sources } = run.provenance;
  const { train, test, validation } = run.config.data;
  const files: readonly (readonly [string, string | undefined])[] = [
    ["train", train.file],
    ["validation", validation?.file],
    ["test", test?.file],
  ];
  return [
    ...slot(material, "Data source", "where the data come from, a link if they are public, and their terms"),
    "",
    ...table(
      ["part", "file", "SHA-256"],
      files.flatMap(([part, file]) =>
        file === undefined ? [] : [[part, `\`${file}\``, `\`${sources[file] ?? "–"}\``]],
      ),
    ),
    "",
    ...table(
      ["part", "rows used", "labels (basic view)", "labels a row"],
      Object.entries(run.audit?.splits ?? {}).map(([part, facts]) => [
        part,
        integer(facts.rows),
        integer(facts.labels_basic),
        facts.labels_per_row.toFixed(2),
      ]),
    ),
  ];
}

/** Every parameter of a training. */
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

/** Every arm of every run, and the commands that make the table. */
export function results({ runs }: Material): readonly string[] {
  const { metrics, primary } = (runs.at(-1) as RunFacts).config.evaluate;
  const shown = metrics.slice(0, 4);
  return [
    `Each arm in the ${primary.view} view of labels, with 95 % bootstrap intervals over cases where there are several arms.`,
    "",
    ...table(
      ["run", "arm", ...shown.map(metricName)],
      runs.flatMap((run) =>
        run.arms.map(({ name, views }) => [
          run.name,
          armName(name),
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
    "These commands make the table:",
    "",
    ...block([
      ...unique(runs.map(commandOf)),
      `npx exp compare ${runs.map(({ experiment, run }) => `${experiment}/${run}`).join(" ")}`,
      `npx exp report ${runs.map(({ experiment, run }) => `${experiment}/${run}`).join(" ")}`,
    ]),
  ];
}

/** Software that made the runs, with versions. */
export function software(runs: readonly RunFacts[]): readonly string[] {
  const pinned = runs.flatMap(({ provenance: { packages } }) => Object.values(packages).flatMap(Object.entries));
  const known = new Set(["torch", "torchtune", "axolotl", "transformers", "peft", "scikit-learn", "vllm"]);
  return unique([
    ...runs.map(({ provenance: { exp } }) => `exp ${exp}`),
    ...pinned.filter(([name]) => known.has(name)).map(([name, version]) => `${name} ${version}`),
  ]);
}
