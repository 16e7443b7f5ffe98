import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { trainedHere } from "../../runs/replayed-arms.ts";
import { energyText } from "../report/energy.ts";
import { hardwareText } from "../report/hardware.ts";
import type { RunFacts } from "../report/study.ts";
import {
  aboutTraining,
  fromNotes,
  type Item,
  type Material,
  manifestKey,
  ofEach,
  outputOf,
  type Verdict,
  yesIf,
} from "./checklist-item.ts";

const again = { who: "whoever runs the study", where: "exp run, which builds what is missing" };
const noImage = (instead: string) => (): Verdict => ({
  answer: "not applicable",
  why: `the study is on text: there are no images. ${instead}`,
});

/** The paper part: what the report must say. */
export const paperItems: readonly Item[] = [
  {
    id: "P1",
    asks: "Setting, algorithm and model are described",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) => modelJson(run, "the report's methodology")),
        {
          why: "answers were replayed: what made them is not on record",
          who: "the authors",
          where: "an experiment with an engine that asks the model",
        },
      ),
  },
  { id: "P2", asks: "Architecture, block by block", judge: architecture },
  {
    id: "P3",
    asks: "Number of parameters, total and trainable",
    judge(material) {
      const trained = material.runs.some(trainedHere);
      if (!trained) return architecture(material);
      return aboutTraining(
        material,
        (run) => {
          const { parameters } = run.curves.train ?? {};
          if (parameters === undefined) return [];
          return outputOf(run, "train", "train.json", `${parameters.trainable} of ${parameters.total} are trained`);
        },
        { why: "a training's record is gone", ...again },
      );
    },
  },
  {
    id: "P4",
    asks: "Metrics are explained and linked to code",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) => [
          manifestKey(material, run, "config.evaluate", "the report's section on the metric; exp score is the code"),
          ...run.arms.flatMap(({ name }) => outputOf(run, stepOfArm("evaluate", name), "metrics.json")),
        ]),
        { why: "no metrics", ...again },
      ),
  },
  {
    id: "P5",
    asks: "Public data: references and links",
    judge: (material) => fromNotes(material, "Data source", "no reference and no link is written down"),
  },
  {
    id: "P6",
    asks: "Private data: acquisition and its characteristics, eligibility, annotators and ground truth, tools, variability between raters",
    judge: (material) =>
      fromNotes(material, "Private data", "not written down; if all data are public, say that there"),
  },
  {
    id: "P7",
    asks: "Training, validation and test parts",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) => [
          ...outputOf(run, "data", "train.jsonl"),
          ...outputOf(run, "data", "validation.jsonl"),
          ...outputOf(run, "data", "test.jsonl"),
        ]),
        { why: "no run has the data step", ...again },
      ),
  },
  { id: "P8", asks: "Cropping", judge: noImage("Texts are used whole; a row that does not fit is an error.") },
  { id: "P9", asks: "Resampling", judge: noImage("Oversampling of rows is item P17.") },
  { id: "P10", asks: "Intensity normalisation", judge: noImage("How labels are normalised is item P22.") },
  { id: "P11", asks: "Registration", judge: noImage("Nothing is aligned.") },
  {
    id: "P12",
    asks: "Infrastructure: name, number and memory of GPUs",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) => [
          manifestKey(material, run, "provenance.hardware", hardwareText(run.provenance.hardware)),
        ]),
        { why: "", ...again },
      ),
  },
  {
    id: "P13",
    asks: "Patch size and sampling",
    judge: noImage("Its counterpart is the longest sequence: config.train.max_length in the manifest."),
  },
  {
    id: "P14",
    asks: "Batch size",
    judge: (material) => setting(material, ["batch_size", "gradient_accumulation"]),
  },
  {
    id: "P15",
    asks: "Optimiser, learning rate and its decay",
    judge: (material) => setting(material, ["optimizer", "learning_rate", "schedule", "weight_decay"]),
  },
  {
    id: "P16",
    asks: "Loss",
    judge: (material) =>
      aboutTraining(
        material,
        (run) => outputOf(run, "train", "train.json", "cross-entropy of the answer's tokens; the prompt is masked"),
        { why: "a training's record is gone", ...again },
      ),
  },
  {
    id: "P17",
    asks: "Augmentation",
    judge: (material) =>
      aboutTraining(
        material,
        (run) => [
          manifestKey(
            material,
            run,
            "config.data",
            run.config.data.oversample === undefined
              ? "none"
              : `oversample: ${JSON.stringify(run.config.data.oversample)}`,
          ),
        ],
        { why: "", ...again },
      ),
  },
  {
    id: "P18",
    asks: "When training stops, and how the model is selected",
    judge: (material) => setting(material, ["epochs", "keep", "early_stopping"]),
  },
  {
    id: "P19",
    asks: "Training time",
    judge: (material) =>
      aboutTraining(
        material,
        (run) =>
          run.steps.train === undefined
            ? []
            : [
                manifestKey(material, run, "steps.train.seconds", `${run.steps.train.seconds} s`),
                ...(run.cost.energy === undefined
                  ? []
                  : [manifestKey(material, run, "cost.energy", energyText(run.cost.energy))]),
              ],
        { why: "a training's record is gone", ...again },
      ),
  },
  { id: "P20", asks: "Aggregation of patches", judge: noImage("A case is answered whole.") },
  {
    id: "P21",
    asks: "Inference time",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) =>
          Object.entries(run.steps).flatMap(([id, { kind, seconds }]) =>
            kind === "generate" || kind === "ask"
              ? [manifestKey(material, run, `steps.${id}.seconds`, `${seconds} s`)]
              : [],
          ),
        ),
        {
          why: "answers were replayed: how long the model took is not on record",
          who: "the authors",
          where: "an experiment with an engine that asks the model",
        },
      ),
  },
  {
    id: "P22",
    asks: "Post-processing: how answers become labels",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) =>
          run.arms.flatMap(({ name }) =>
            outputOf(run, stepOfArm("evaluate", name), "predictions.jsonl", "answer and labels"),
          ),
        ),
        { why: "no run has predictions", ...again },
      ),
  },
  {
    id: "P23",
    asks: "Ablation",
    judge(material) {
      const swept = material.runs.filter(({ coordinates }) => coordinates !== "");
      return yesIf(
        swept.length < 2 ? [] : swept.map((run) => manifestKey(material, run, "coordinates", run.coordinates)),
        { why: "these runs vary nothing", who: "the authors", where: "sweep: in an experiment" },
      );
    },
  },
  {
    id: "P24",
    asks: "Mean and spread of the results",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) =>
          run.arms.length === 0
            ? []
            : [manifestKey(material, run, "intervals", "95 % bootstrap intervals over cases, for every arm and view")],
        ),
        { why: "no run has intervals", ...again },
      ),
  },
  {
    id: "P25",
    asks: "Statistical analysis",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) =>
          outputOf(run, "compare", "comparison.json", "paired tests with Holm's correction"),
        ),
        { why: "a run has one arm only: nothing is compared", who: "the authors", where: "compare: or baselines:" },
      ),
  },
  {
    id: "P26",
    asks: "Box or violin plots, ROC curves",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) =>
          outputOf(
            run,
            "compare",
            "comparison.json",
            "drawn as points with 95 % intervals; there are no scores to draw an ROC curve of",
          ),
        ),
        {
          why: "a run has one arm only; labels are answered without a score, so that there is no ROC curve",
          who: "the authors",
          where: "compare: or baselines:",
        },
      ),
  },
  {
    id: "P27",
    asks: "Successful and failed examples",
    judge: (material) =>
      yesIf(
        ofEach(material.runs, (run) =>
          outputOf(run, "analyse", "failures.jsonl", "failures; the workbook has all cases"),
        ),
        { why: "a run has no failure analysis", ...again },
      ),
  },
];

function modelJson(run: RunFacts, says: string) {
  return outputOf(run, "fetch", "model.json", says);
}

function architecture(material: Material): Verdict {
  return yesIf(
    ofEach(material.runs, (run) => modelJson(run, "blocks, widths, heads and parameters")),
    {
      why: "answers were replayed: the model's own configuration is not on record",
      who: "the authors",
      where: "an experiment with an engine that asks the model",
    },
  );
}

/** Keys of `train`, as they were resolved. */
function setting(material: Material, keys: readonly string[]): Verdict {
  return aboutTraining(
    material,
    (run) => {
      const train = run.config.train as unknown as Readonly<Record<string, unknown>>;
      return keys
        .filter((key) => train[key] !== undefined)
        .map((key) => manifestKey(material, run, `config.train.${key}`, word(train[key])));
    },
    { why: "", ...again },
  );
}

const word = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
