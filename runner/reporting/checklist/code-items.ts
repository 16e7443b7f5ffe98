import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { isModelGeneration } from "../../runs/replayed-arms.ts";
import { noTrainingText } from "../report/replayed-arms.ts";
import {
  type Assessment,
  aboutTraining,
  type ChecklistInput,
  type ChecklistItem,
  type Evidence,
  fromNotes,
  manifestKey,
  ofEach,
  originEvidence,
  outputOf,
  replayedOnly,
  runAgain,
  trainedRuns,
  yesIf,
} from "./checklist-item.ts";

/** Items on the code: the required sections of the study's README, in order. */
export const codeItems: readonly ChecklistItem[] = [
  {
    id: "C1",
    requirement: "Environment: operating system, processor, memory, GPU, CUDA, Python, and installation",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) => [
          manifestKey(input, run, "provenance.hardware", run.provenance.os),
          manifestKey(
            input,
            run,
            "provenance.locks",
            Object.keys(run.provenance.locks).join(", ") || "no Python environment",
          ),
        ]),
        runAgain("The runs do not record their environment."),
      ),
  },
  {
    id: "C2",
    requirement: "Data set: link if public, preparation, folder structure",
    assess(input) {
      const audits = ofEach(input.runs, (run) =>
        outputOf(input, run, "data", "audit.json", "rows, targets and lengths of each split"),
      );
      const declared = originEvidence(input);
      return declared.length > 0
        ? { answer: "yes", evidence: [...declared, ...audits] }
        : fromNotes(input, "Data source", "The source and the terms of use of the data are not stated.", audits);
    },
  },
  {
    id: "C3",
    requirement: "Preprocessing: methods (parsing of targets, views, splits) and command",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) => [
          ...outputOf(input, run, "data", "audit.json", "rows and targets of each split"),
          ...(run.steps.data === undefined ? [] : [manifestKey(input, run, "config.data", "splits and targets")]),
        ]),
        runAgain("The runs have no data step."),
      ),
  },
  {
    id: "C4",
    requirement: "Training: command with all hyper-parameters",
    assess(input) {
      const runs = trainedRuns(input);
      if (runs.length === 0) return { answer: "not applicable", reason: noTrainingText(input.runs) };
      return yesIf(
        ofEach(runs, (run) => [manifestKey(input, run, "config.train", "all hyper-parameters, including defaults")]),
        runAgain(""),
      );
    },
  },
  {
    id: "C5",
    requirement: "Trained models: download location",
    assess(input) {
      const runs = trainedRuns(input);
      if (runs.length === 0) return { answer: "not applicable", reason: noTrainingText(input.runs) };
      return yesIf(
        ofEach(runs, (run) => {
          const upload = input.uploads[`${run.experiment}/${run.run}`];
          return upload === undefined ? [] : [{ ...upload.record, detail: upload.repo }];
        }),
        {
          reason: "The trained models have no recorded upload.",
          responsible: "authors",
          action: "exp upload, with upload.repo in the experiment",
        },
      );
    },
  },
  {
    id: "C6",
    requirement: "Fine-tuning on other data: command",
    assess: (input) =>
      aboutTraining(
        input,
        (run) => [
          manifestKey(input, run, "config.data", `columns of ${run.file}; the README explains what to replace`),
        ],
        runAgain(""),
      ),
  },
  {
    id: "C7",
    requirement: "Training notebook on Colab: link",
    assess: (input) => hosted(input, "Training notebook", input.notebook),
  },
  {
    id: "C8",
    requirement: "Inference: command for the test cases",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) =>
          Object.entries(run.steps).flatMap(([id, step]) =>
            isModelGeneration(step) ? outputOf(input, run, id, "responses.jsonl", "the README has the command") : [],
          ),
        ),
        replayedOnly("no command generates them."),
      ),
  },
  {
    id: "C9",
    requirement: "Inference notebook on Colab: link",
    assess: (input) => hosted(input, "Inference notebook", input.notebook),
  },
  {
    id: "C10",
    requirement: "Docker: image, and command with GPU, memory and mounts",
    assess: (input) => hosted(input, "Container image", input.dockerfile),
  },
  {
    id: "C11",
    requirement: "Evaluation: command that computes the reported scores",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) =>
          run.arms.flatMap(({ name }) =>
            outputOf(input, run, stepOfArm("evaluate", name), "metrics.json", "the README has the command"),
          ),
        ),
        runAgain("The runs have no scores."),
      ),
  },
  {
    id: "C12",
    requirement: "Results: table with context, and command that generates it",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) => [
          ...(run.arms.length > 0 ? [manifestKey(input, run, "arms", "all metrics of all arms")] : []),
          ...outputOf(input, run, "compare", "comparison.json", "confidence intervals and paired tests"),
        ]),
        runAgain("The runs have no results."),
      ),
  },
  {
    id: "C13",
    requirement: "Contributing: licence, and how to contribute",
    assess(input) {
      if (input.licence === undefined) return fromNotes(input, "Licence", "The study has no LICENSE file.");
      const licence = { ...input.licence, ...(input.repository === undefined ? {} : { detail: input.repository }) };
      return input.repository === undefined
        ? fromNotes(input, "Code repository", "The notes do not name the repository that takes contributions.", [
            licence,
          ])
        : { answer: "yes", evidence: [licence] };
    },
  },
  {
    id: "C14",
    requirement: "Acknowledgement: contributors of data and software",
    assess: (input) =>
      fromNotes(
        input,
        "Acknowledgements",
        "The notes do not name the contributors of the data. The manifests list software with versions.",
        ofEach(input.runs, (run) => [manifestKey(input, run, "provenance.packages", "software and versions")]),
      ),
  },
];

/** An item on a published file: exp generates the file, and the authors publish it and add the link to their notes. */
function hosted(material: ChecklistInput, heading: string, file: Evidence | undefined): Assessment {
  const partial = file === undefined ? [] : [file];
  return fromNotes(
    material,
    heading,
    partial.length > 0 ? "The file exists, but the notes give no link to a public copy." : "The file does not exist.",
    partial,
  );
}
