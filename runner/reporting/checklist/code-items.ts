import { parseStepRef, stepOfArm } from "../../pipeline/plan/step-ref.ts";
import {
  type Evidence,
  fromNotes,
  type Item,
  type Material,
  manifestKey,
  nothingTrained,
  ofEach,
  outputOf,
  trainedRuns,
  type Verdict,
  yesIf,
} from "./checklist-item.ts";

const again = { who: "whoever runs the study", where: "exp run, which builds what is missing" };

/** The code part: the sections that the study's README must have, in their order. */
export const codeItems: readonly Item[] = [
  {
    id: "C1",
    asks: "Environment: operating system, processor, memory, GPU, CUDA, Python, and how to install",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) => [
          manifestKey(material, run, "provenance.hardware", run.provenance.os),
          manifestKey(material, run, "provenance.locks", Object.keys(run.provenance.locks).join(", ")),
        ]),
        { why: "no run says what it ran on", ...again },
      ),
  },
  {
    id: "C2",
    asks: "Data set: a link if it is public, how to prepare it, the layout of its folder",
    judge: (material) =>
      fromNotes(
        material,
        "Data source",
        "where the data come from and under which terms is not written down",
        ofEach(material.runs, (run) => outputOf(run, "data", "audit.json", "rows, labels and lengths of each part")),
      ),
  },
  {
    id: "C3",
    asks: "Preprocessing: what is done (parsing of labels, label views, splits), and the command",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) => [
          ...outputOf(run, "data", "train.jsonl"),
          ...(run.steps.data === undefined ? [] : [manifestKey(material, run, "config.data", "splits and targets")]),
        ]),
        { why: "no run has the data step", ...again },
      ),
  },
  {
    id: "C4",
    asks: "Training: the command with all hyper-parameters",
    judge(material) {
      const runs = trainedRuns(material);
      if (runs.length === 0) return { answer: "not applicable", why: nothingTrained(material) };
      return yesIf(
        ofEach(runs, (run) => [manifestKey(material, run, "config.train", "every hyper-parameter, defaults included")]),
        { why: "", ...again },
      );
    },
  },
  {
    id: "C5",
    asks: "Trained models: where to download them",
    judge(material) {
      const runs = trainedRuns(material);
      if (runs.length === 0) return { answer: "not applicable", why: nothingTrained(material) };
      return yesIf(
        ofEach(runs, (run) => {
          const upload = material.uploads[`${run.experiment}/${run.run}`];
          return upload === undefined ? [] : [{ ...upload.record, says: upload.repo }];
        }),
        {
          why: "no upload of the trained model is on record",
          who: "the authors",
          where: "exp upload, with upload.repo in the experiment",
        },
      );
    },
  },
  {
    id: "C6",
    asks: "Fine-tuning on one's own data: the command",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) => [
          manifestKey(material, run, "config.data", `columns of ${run.file}: the README says what to exchange`),
        ]),
        { why: "", ...again },
      ),
  },
  {
    id: "C7",
    asks: "Training notebook on Colab: a link",
    judge: (material) => hosted(material, "Training notebook", material.notebook),
  },
  {
    id: "C8",
    asks: "Inference: the command on test cases",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) =>
          Object.keys(run.steps)
            .filter((id) => parseStepRef(id).stage === "generate")
            .flatMap((id) => outputOf(run, id, "responses.jsonl")),
        ),
        { why: "no run has answers", ...again },
      ),
  },
  {
    id: "C9",
    asks: "Inference notebook on Colab: a link",
    judge: (material) => hosted(material, "Inference notebook", material.notebook),
  },
  {
    id: "C10",
    asks: "Docker: an image, and the command that runs it with GPU, memory and mounts",
    judge: (material) => hosted(material, "Container image", material.dockerfile),
  },
  {
    id: "C11",
    asks: "Evaluation: the command that gives the reported figures",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) =>
          run.arms.flatMap(({ name }) => outputOf(run, stepOfArm("evaluate", name), "metrics.json")),
        ),
        { why: "no run has metrics", ...again },
      ),
  },
  {
    id: "C12",
    asks: "Results: a table with its context, and the command that makes it",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) => [
          ...(run.arms.length > 0 ? [manifestKey(material, run, "arms", "every metric of every arm")] : []),
          ...outputOf(run, "compare", "comparison.json", "intervals and paired tests"),
        ]),
        { why: "no run has results", ...again },
      ),
  },
  {
    id: "C13",
    asks: "Contributing: the licence, and how to contribute",
    judge: (material) =>
      material.licence === undefined
        ? fromNotes(material, "Licence", "the study has no LICENSE file")
        : { answer: "yes", evidence: [material.licence] },
  },
  {
    id: "C14",
    asks: "Acknowledgement: who gave data and software",
    judge: (material) =>
      fromNotes(
        material,
        "Acknowledgements",
        "who gave the data is not written down; software is named with its versions",
        ofEach(material.runs, (run) => [manifestKey(material, run, "provenance.packages", "software and versions")]),
      ),
  },
];

/** What exp makes and only a person can put where others find it: the link in the notes makes the yes. */
function hosted(material: Material, heading: string, file: Evidence | undefined): Verdict {
  const known = file === undefined ? [] : [file];
  return fromNotes(
    material,
    heading,
    known.length > 0 ? "the file is made; its public place is not" : "no file",
    known,
  );
}
