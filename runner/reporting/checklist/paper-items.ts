import { stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { isModelGeneration, trainedHere } from "../../runs/replayed-arms.ts";
import { integer, percent } from "../../util/format.ts";
import { valueText } from "../report/ablation.ts";
import { energyText } from "../report/energy.ts";
import { hardwareText } from "../report/hardware.ts";
import type { RunFacts } from "../report/study.ts";
import {
  type Assessment,
  aboutTraining,
  type ChecklistInput,
  type ChecklistItem,
  declaredOrigin,
  type Evidence,
  fromNotes,
  type Missing,
  manifestKey,
  ofEach,
  originEvidence,
  outputOf,
  replayedOnly,
  runAgain,
  yesIf,
} from "./checklist-item.ts";

const noImage = (instead: string) => (): Assessment => ({
  answer: "not applicable",
  reason: `The study uses text and no images. ${instead}`,
});

/** Items on the paper: the required content of the report. */
export const paperItems: readonly ChecklistItem[] = [
  {
    id: "P1",
    requirement: "Description of the setting, algorithm and model",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) => modelJson(input, run, "methodology section of the report")),
        replayedOnly("the model is not recorded."),
      ),
  },
  { id: "P2", requirement: "Architecture of the model", assess: architecture },
  {
    id: "P3",
    requirement: "Number of parameters, total and trainable",
    assess(input) {
      const trained = input.runs.some(trainedHere);
      if (!trained) return architecture(input);
      return aboutTraining(
        input,
        (run) => {
          const { parameters } = run.curves.train ?? {};
          if (parameters === undefined) return [];
          return outputOf(
            input,
            run,
            "train",
            "train.json",
            `${integer(parameters.trainable)} of ${integer(parameters.total)} parameters are trainable`,
          );
        },
        runAgain("The record of a training is missing."),
      );
    },
  },
  {
    id: "P4",
    requirement: "Definition of the metrics with a link to the code",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) => [
          manifestKey(input, run, "config.evaluate", "metrics section of the report; implemented by exp score"),
          ...run.arms.flatMap(({ name }) => outputOf(input, run, stepOfArm("evaluate", name), "metrics.json")),
        ]),
        runAgain("The runs have no metrics."),
      ),
  },
  {
    id: "P5",
    requirement: "Public data: references and links",
    assess(input) {
      const origin = declaredOrigin(input);
      if (origin !== undefined && origin.kind !== "public") {
        return { answer: "not applicable", reason: `The study declares its data as ${origin.kind}.` };
      }
      const evidence = origin?.link === undefined && origin?.dataset === undefined ? [] : originEvidence(input);
      return evidence.length > 0
        ? { answer: "yes", evidence }
        : fromNotes(input, "Data source", "The notes contain no reference and no link.");
    },
  },
  {
    id: "P6",
    requirement:
      "Private data: acquisition, characteristics, eligibility, annotators, ground truth, tools, inter-rater variability",
    assess(input) {
      const origin = declaredOrigin(input);
      return origin !== undefined && origin.kind !== "private"
        ? { answer: "not applicable", reason: `The study declares its data as ${origin.kind}.` }
        : fromNotes(
            input,
            "Private data",
            "The notes do not describe private data. If the data are synthetic or public, declare it in data.origin.",
          );
    },
  },
  {
    id: "P7",
    requirement: "Training, validation and test splits",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) => [
          ...outputOf(input, run, "data", "audit.json", "rows of each split"),
          ...(run.steps.data === undefined ? [] : [manifestKey(input, run, "config.data", splitText(run.config))]),
        ]),
        runAgain("The runs have no data step."),
      ),
  },
  {
    id: "P8",
    requirement: "Cropping",
    assess: noImage("Input texts are not truncated; an input over the maximum length is an error."),
  },
  { id: "P9", requirement: "Resampling", assess: noImage("For oversampling of rows see P17.") },
  {
    id: "P10",
    requirement: "Intensity normalisation",
    assess: noImage("For the normalisation of predictions see P22."),
  },
  { id: "P11", requirement: "Registration", assess: noImage("There is no registration.") },
  {
    id: "P12",
    requirement: "Infrastructure: name, number and memory of GPUs",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) =>
          trainedHere(run) || Object.values(run.steps).some(isModelGeneration)
            ? [manifestKey(input, run, "provenance.hardware", hardwareText(run.provenance.hardware))]
            : [],
        ),
        replayedOnly("the hardware of the model is not recorded."),
      ),
  },
  {
    id: "P13",
    requirement: "Patch size and sampling",
    assess: noImage("The counterpart is the maximum sequence length: config.train.max_length in the manifest."),
  },
  {
    id: "P14",
    requirement: "Batch size",
    assess: (input) => setting(input, ["batch_size", "gradient_accumulation"]),
  },
  {
    id: "P15",
    requirement: "Optimiser, learning rate and learning-rate schedule",
    assess: (input) => setting(input, ["optimizer", "learning_rate", "schedule", "weight_decay"]),
  },
  {
    id: "P16",
    requirement: "Loss",
    assess: (input) =>
      aboutTraining(
        input,
        (run) =>
          outputOf(
            input,
            run,
            "train",
            "train.json",
            "token-level cross-entropy of the target; prompt tokens are masked",
          ),
        runAgain("The record of a training is missing."),
      ),
  },
  {
    id: "P17",
    requirement: "Augmentation",
    assess: (input) =>
      aboutTraining(
        input,
        (run) => [
          manifestKey(
            input,
            run,
            "config.data",
            run.config.data.oversample === undefined
              ? "none"
              : `oversample: ${JSON.stringify(run.config.data.oversample)}`,
          ),
        ],
        runAgain(""),
      ),
  },
  {
    id: "P18",
    requirement: "Stopping criterion and model selection",
    assess: (input) => setting(input, ["epochs", "keep", "early_stopping"]),
  },
  {
    id: "P19",
    requirement: "Training time",
    assess: (input) =>
      aboutTraining(
        input,
        (run) =>
          run.steps.train === undefined
            ? []
            : [
                manifestKey(input, run, "steps.train.seconds", `${run.steps.train.seconds} s`),
                ...(run.cost.energy === undefined
                  ? []
                  : [manifestKey(input, run, "cost.energy", energyText(run.cost.energy))]),
              ],
        runAgain("The record of a training is missing."),
      ),
  },
  { id: "P20", requirement: "Aggregation of patches", assess: noImage("Each case has a single prediction.") },
  {
    id: "P21",
    requirement: "Inference time",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) =>
          Object.entries(run.steps).flatMap(([id, step]) =>
            isModelGeneration(step) ? [manifestKey(input, run, `steps.${id}.seconds`, `${step.seconds} s`)] : [],
          ),
        ),
        replayedOnly("the generation time is not recorded."),
      ),
  },
  {
    id: "P22",
    requirement: "Post-processing: parsing of responses into predictions",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) =>
          run.arms.flatMap(({ name }) =>
            outputOf(input, run, stepOfArm("evaluate", name), "predictions.jsonl", "response and parsed prediction"),
          ),
        ),
        runAgain("The runs have no predictions."),
      ),
  },
  {
    id: "P23",
    requirement: "Ablation study",
    assess(input) {
      const swept = input.runs.filter(({ coordinates }) => coordinates !== "");
      return yesIf(
        swept.length < 2 ? [] : swept.map((run) => manifestKey(input, run, "coordinates", run.coordinates)),
        { reason: "The runs do not vary a parameter.", responsible: "authors", action: "add sweep to an experiment" },
      );
    },
  },
  {
    id: "P24",
    requirement: "Mean and dispersion of the results",
    assess: (input) =>
      whole(
        input.runs.some(({ comparison }) =>
          Object.values(comparison?.arms ?? {}).some((arm) =>
            Object.values(arm).some(({ seeds }) => seeds !== undefined),
          ),
        ),
        ofEach(input.runs, (run) =>
          run.arms.length === 0
            ? []
            : [manifestKey(input, run, "intervals", "95 % confidence intervals over cases, for every arm and view")],
        ),
        {
          reason: "Each arm has one training seed, so the dispersion over trainings is not known.",
          responsible: "authors",
          action: "add sweep.repeat over train.seed to the experiment",
        },
      ),
  },
  {
    id: "P25",
    requirement: "Statistical analysis",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) =>
          outputOf(input, run, "compare", "comparison.json", "paired tests with Holm's correction"),
        ),
        {
          reason: "A run has one arm only, so there is no comparison.",
          responsible: "authors",
          action: "add compare or baselines to the experiment",
        },
      ),
  },
  {
    id: "P26",
    requirement: "Box or violin plots, ROC curves",
    assess: (input) =>
      whole(
        false,
        ofEach(input.runs, (run) =>
          outputOf(input, run, "compare", "comparison.json", "plotted as points with 95 % confidence intervals"),
        ),
        {
          reason: "The report has no box plots. Predictions have no scores, so there is no ROC curve.",
          responsible: "authors",
          action: "draw them from the predictions, if the journal requires them",
        },
      ),
  },
  {
    id: "P27",
    requirement: "Examples of correct and erroneous predictions",
    assess: (input) =>
      yesIf(
        ofEach(input.runs, (run) =>
          Object.values(run.analysis?.arms ?? {}).some(({ correct = [] }) => correct.length > 0)
            ? [
                ...outputOf(
                  input,
                  run,
                  "analyse",
                  "analysis.json",
                  "correct and erroneous examples with their sentences, in the section Error analysis of the report",
                ),
                ...outputOf(
                  input,
                  run,
                  "analyse",
                  "failures.jsonl",
                  "erroneous predictions; the workbook lists all cases",
                ),
              ]
            : [],
        ),
        runAgain("A run has no error analysis with correct and erroneous examples."),
      ),
  },
];

/** "yes" if the item holds as a whole; else "no" with the evidence for a part of it. */
function whole(holds: boolean, evidence: readonly Evidence[], otherwise: Missing): Assessment {
  return holds ? yesIf(evidence, otherwise) : { answer: "no", ...otherwise, evidence };
}

function modelJson(input: ChecklistInput, run: RunFacts, detail: string) {
  return outputOf(input, run, "fetch", "model.json", detail);
}

function architecture(input: ChecklistInput): Assessment {
  return yesIf(
    ofEach(input.runs, (run) => modelJson(input, run, "layers, hidden size, heads and parameters")),
    replayedOnly("the configuration of the model is not recorded."),
  );
}

/** Resolved keys of `train`. */
function setting(input: ChecklistInput, keys: readonly string[]): Assessment {
  return aboutTraining(
    input,
    (run) => {
      const train = run.config.train as unknown as Readonly<Record<string, unknown>>;
      return keys
        .filter((key) => train[key] !== undefined)
        .map((key) => manifestKey(input, run, `config.train.${key}`, valueText(train[key])));
    },
    runAgain(""),
  );
}

/** How the rows were divided, and what stays together. */
function splitText({ data: { test, columns } }: RunFacts["config"]): string {
  const from = test?.fraction === undefined ? "" : `test rows: ${percent(test.fraction, 0)} of the data file; `;
  return `${from}${columns.group === undefined ? "no groups of cases are declared" : "groups of cases stay together"}`;
}
