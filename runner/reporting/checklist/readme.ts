import { warningOf } from "../report/report.ts";
import type { RunFacts } from "../report/study.ts";
import { commandOf } from "../sections/reproduction.ts";
import { slot } from "./author-text.ts";
import { type Material, nothingTrained, trainedRuns } from "./checklist-item.ts";
import { block, unique } from "./markdown.ts";
import { dataSet, environment, hyperParameters, results, software } from "./readme-tables.ts";

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

/** Ids of the sections: a test holds them against the items of the code part. */
export const sectionIds = sections.map(({ id }) => id);
