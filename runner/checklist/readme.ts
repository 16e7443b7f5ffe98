import { hardwareWords } from "../report/hardware.ts";
import { warningOf } from "../report/report.ts";
import { commandOf, leaves } from "../report/sections/reproduction.ts";
import type { RunFacts } from "../report/study.ts";
import { armWord, duration, metricWord, score, whole, withInterval } from "../report/words.ts";
import { type Material, nothingTrained, trainedRuns } from "./item.ts";

/** First line of a README that exp has written: one that has it may be written again. */
export const readmeMark = "<!-- Written by exp from finished runs: what people add belongs into report.notes. -->";

/** A section by the id of its item: its heading and its lines. */
type Section = { readonly id: string; readonly heading: string; lines(material: Material): readonly string[] };

/** The study's README.md: the code part of the checklist, section by section, filled from manifests. */
export function readmeOf(material: Material): string {
  const { runs, notes } = material;
  const warning = warningOf(runs);
  const title = notes.title ?? [...new Set(runs.map(({ experiment }) => experiment))].join(", ");
  const first = runs.at(-1) as RunFacts;
  return `${[
    readmeMark,
    `# ${title}`,
    ...(notes.authors === undefined ? [] : ["", notes.authors]),
    ...(warning === "" ? [] : ["", `**${warning}**`]),
    "",
    ...(first.config.description === "" ? [] : [first.config.description, ""]),
    "Sections follow the code part of the MICCAI reproducibility checklist (`JunMa11/MICCAI-Reproducibility-Checklist` on GitHub).",
    ...sections.flatMap((section) => ["", `## ${section.heading}`, "", ...section.lines(material)]),
  ].join("\n")}\n`;
}

/** What is asked of the authors until their notes have it. */
function slot({ notes }: Material, heading: string, ask: string): readonly string[] {
  const text = notes[heading.toLowerCase()];
  if (text !== undefined) return [text.trim()];
  return [`*To be filled in by the authors: ${ask} (report.notes, heading "${heading}")*`];
}

const block = (lines: readonly string[]): readonly string[] => ["```", ...lines, "```"];

const table = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`);

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const unique = (lines: readonly string[]): readonly string[] => [...new Set(lines)];

/** Said in place of what a training would have. */
function untrained(material: Material): string {
  const why = nothingTrained(material);
  return `${why.charAt(0).toUpperCase()}${why.slice(1)}.`;
}

const sections: readonly Section[] = [
  { id: "C1", heading: "Environment", lines: environment },
  { id: "C2", heading: "Data set", lines: dataSet },
  {
    id: "C3",
    heading: "Preprocessing",
    lines: ({ runs }) => [
      "Tables are read, labels are split and brought into three views (raw, basic, canonical), rows are divided and audited. It is the step `data` of every run; alone:",
      "",
      ...block(unique(runs.flatMap(({ file }) => [`npx exp data ${file}`, `npx exp run ${file} --until data`]))),
      "",
      "Images are not involved: there is no cropping, resampling or intensity normalisation.",
    ],
  },
  {
    id: "C4",
    heading: "Training",
    lines: (material) =>
      trainedRuns(material).length === 0
        ? [untrained(material)]
        : [...block(unique(trainedRuns(material).map(commandOf))), ...trainedRuns(material).flatMap(hyperParameters)],
  },
  {
    id: "C5",
    heading: "Trained models",
    lines(material) {
      if (trainedRuns(material).length === 0) return [untrained(material)];
      const uploads = Object.entries(material.uploads);
      if (uploads.length > 0) return uploads.map(([run, { repo }]) => `- ${run}: \`${repo}\` on the Hugging Face hub`);
      return ["*No upload is on record: `npx exp upload RUN` publishes the model, and this section then names it.*"];
    },
  },
  {
    id: "C6",
    heading: "Fine-tuning on your own data",
    lines(material) {
      const { file, config } = (trainedRuns(material).at(-1) ?? material.runs.at(-1)) as RunFacts;
      const { id, input, target } = config.data.columns;
      return [
        `Copy \`${file}\`, name your files under \`data.train\` and \`data.test\` (.csv, .tsv, .jsonl or .xlsx), and their columns under`,
        `\`data.columns\` (here: ${[id, input, target]
          .filter((name) => name !== undefined)
          .map((name) => `\`${name}\``)
          .join(", ")}). Then:`,
        "",
        ...block([
          "npx exp data experiments/mine.yaml",
          "npx exp plan experiments/mine.yaml",
          "npx exp run experiments/mine.yaml",
        ]),
      ];
    },
  },
  {
    id: "C7",
    heading: "Training notebook",
    lines: (material) => notebook(material, "Training notebook", "`exp run` in its cell *Run* trains and answers."),
  },
  {
    id: "C8",
    heading: "Inference",
    lines: ({ runs }) => [
      "Answers to the scored rows, one a line in `<arm>/responses.jsonl`, and with their labels in `<arm>/predictions.jsonl`:",
      "",
      ...block(unique(runs.flatMap((run) => armsAsked(run).map((step) => `${commandOf(run)} --until ${step}`)))),
      "",
      "A training that is there already is reused, so that this only generates.",
    ],
  },
  {
    id: "C9",
    heading: "Inference notebook",
    lines: (material) =>
      notebook(
        material,
        "Inference notebook",
        'With `flags = "--until generate.tuned"` it generates and does not score.',
      ),
  },
  {
    id: "C10",
    heading: "Docker",
    lines: (material) => [
      ...(material.dockerfile === undefined
        ? ["*There is no Dockerfile: `npx exp export` writes one.*"]
        : block([
            "docker build -t study .",
            `docker run --rm --gpus all --memory 32g --shm-size 8g -v "$PWD/artifacts:/study/artifacts" -v "$PWD/cache:/cache" study run ${material.runs.at(-1)?.file}`,
          ])),
      "",
      ...slot(material, "Container image", "where a built image can be had"),
    ],
  },
  {
    id: "C11",
    heading: "Evaluation",
    lines: ({ runs }) => [
      "The step `evaluate` of every run writes `<arm>/metrics.json`. The same by hand, from a run's predictions:",
      "",
      ...block(
        runs.flatMap(({ experiment, run, arms, config }) =>
          arms.slice(0, 1).map(({ name }) => {
            const { synonyms } = config.data.labels;
            const map = synonyms === undefined ? "" : ` --synonyms ${synonyms}`;
            return `npx exp score artifacts/runs/${experiment}/${run}/${name}/predictions.jsonl --pred labels${map}`;
          }),
        ),
      ),
    ],
  },
  { id: "C12", heading: "Results", lines: results },
  {
    id: "C13",
    heading: "Contributing",
    lines: (material) => [
      ...(material.licence === undefined
        ? slot(material, "Licence", "the licence of this study")
        : ["The licence stands in `LICENSE`."]),
      "",
      "Open an issue for what is wrong. Before a change is proposed, `npx exp check` every experiment that it touches, and run it with `--smoke`.",
    ],
  },
  {
    id: "C14",
    heading: "Acknowledgement",
    lines: (material) => [
      ...slot(material, "Acknowledgements", "who gave data, software, advice or money"),
      "",
      `Software: ${software(material.runs).join(", ")}.`,
    ],
  },
];

function environment({ runs }: Material): readonly string[] {
  const backends = new Set(["torchtune", ...runs.flatMap(({ config }) => config.train?.backend ?? [])]);
  return [
    ...table(
      ["run", "system", "hardware", "exp, Node.js", "environment"],
      runs.map(({ experiment, run, provenance: { os, hardware, exp, node, locks } }) => [
        `${experiment}/${run}`,
        os,
        hardwareWords(hardware),
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

function dataSet(material: Material): readonly string[] {
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
        whole(facts.rows),
        whole(facts.labels_basic),
        facts.labels_per_row.toFixed(2),
      ]),
    ),
  ];
}

function hyperParameters(run: RunFacts): readonly string[] {
  return [
    "",
    `${run.name} (run \`${run.run}\`), model \`${run.config.model.base}\`${run.config.model.revision === undefined ? "" : ` at \`${run.config.model.revision}\``}, ${duration(run.steps.train?.seconds ?? 0)}:`,
    "",
    ...table(
      ["key", "value"],
      leaves({ train: run.config.train }).map(([key, value]) => [`\`${key}\``, value]),
    ),
  ];
}

function notebook(material: Material, heading: string, says: string): readonly string[] {
  return [
    ...(material.notebook === undefined ? [] : [`The file \`${material.notebook.file}\` runs on Colab. ${says}`, ""]),
    ...slot(material, heading, "a link that opens it"),
  ];
}

/** The generating steps of a run's own model. */
function armsAsked({ steps }: RunFacts): readonly string[] {
  return Object.entries(steps).flatMap(([id, { kind }]) =>
    ["generate", "ask", "replay"].includes(kind) && !id.includes("@") ? [id] : [],
  );
}

function results({ runs }: Material): readonly string[] {
  const { metrics, primary } = (runs.at(-1) as RunFacts).config.evaluate;
  const shown = metrics.slice(0, 4);
  return [
    `Each arm in the ${primary.view} view of labels, with 95 % bootstrap intervals over cases where there are several arms.`,
    "",
    ...table(
      ["run", "arm", ...shown.map(metricWord)],
      runs.flatMap((run) =>
        run.arms.map(({ name, views }) => [
          run.name,
          armWord(name),
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

function software(runs: readonly RunFacts[]): readonly string[] {
  const pinned = runs.flatMap(({ provenance: { packages } }) => Object.values(packages).flatMap(Object.entries));
  const known = new Set(["torch", "torchtune", "axolotl", "transformers", "peft", "scikit-learn", "vllm"]);
  return unique([
    ...runs.map(({ provenance: { exp } }) => `exp ${exp}`),
    ...pinned.filter(([name]) => known.has(name)).map(([name, version]) => `${name} ${version}`),
  ]);
}

/** Ids of the sections: a test holds them against the items of the code part. */
export const sectionIds = sections.map(({ id }) => id);
