import { isModelGeneration } from "../../runs/replayed-arms.ts";
import { gigabytes, integer, missing, reportDuration } from "../../util/format.ts";
import { about, type Block, heading, paragraph } from "../report/document.ts";
import { energyText } from "../report/energy.ts";
import type { RunFacts, StepFacts, Study } from "../report/study.ts";
import { trainingSeconds } from "../report/trainings.ts";

/** Time, memory, tokens, energy and price of each run, reused steps included. */
export function efficiency({ runs }: Study): readonly Block[] {
  const hasEnergy = runs.some(({ cost }) => cost.energy !== undefined);
  // A column in which no run has a value is left out, such as the memory of replayed predictions.
  const columns = costColumns.filter(({ cell }) => runs.some((run) => cell(run) !== missing));
  return [
    heading(1, "Efficiency"),
    paragraph(
      ...about("cost", `lists the cost of ${runs.length > 1 ? "each run" : "the run"}.`),
      ...about("cost-quality", "plots the primary metric against time."),
      ...(runs.some(({ steps }) =>
        Object.values(steps).some((step) => step.kind === "train" || isModelGeneration(step)),
      )
        ? []
        : [
            "No model was run: the time is that of baselines, evaluation and analysis, and the cost of training and generation is not measured. ",
          ]),
      "Times are wall-clock times; training is measured by the trainer, without loading and saving. A reused step counts with the time of its original execution. ",
      runs.some(({ cost }) => cost.peak_memory > 0)
        ? "Peak memory is the maximum over all steps: device memory for steps on a GPU, resident memory of the process for the others."
        : "",
      hasEnergy
        ? " Energy is read from hardware counters: NVML for GPUs that a step used exclusively, and RAPL for the processor packages, " +
            "which includes the concurrent load of the machine."
        : "",
    ),
    {
      type: "table",
      id: "cost",
      caption: "Computational cost per run.",
      head: ["run", ...columns.map(({ head }) => head)],
      align: ["left", ...columns.map(() => "right" as const)],
      rows: runs.map((run) => [run.name, ...columns.map(({ cell }) => cell(run))]),
    },
    {
      type: "figure",
      id: "cost-quality",
      caption:
        `Primary metric against ${runs.length > 1 ? "the time of all steps. Each point is a run" : "the time of training and generation. Each point is an arm of a language model"}, ` +
        "with its 95 % confidence interval. The dashed line joins the points that no faster point reaches.",
      alt: `Scatter plot of the primary metric against the time of each ${runs.length > 1 ? "run" : "arm"}`,
    },
  ];
}

const costColumns: readonly { readonly head: string; cell(run: RunFacts): string }[] = [
  { head: "training", cell: (run) => timeOf(run, ({ kind }) => kind === "train") },
  { head: "generation", cell: (run) => timeOf(run, isModelGeneration) },
  { head: "all steps", cell: ({ cost }) => reportDuration(cost.seconds) },
  { head: "trained tokens/s", cell: tokenRate },
  { head: "peak memory", cell: ({ cost }) => gigabytes(cost.peak_memory) },
  {
    head: "generated tokens",
    cell: ({ cost: { tokens } }) => (tokens.generated === 0 ? missing : integer(tokens.generated)),
  },
  { head: "energy", cell: ({ cost }) => energyText(cost.energy) },
  { head: "price", cell: price },
];

/** The total time of the steps of a kind; missing if there are none, as for replayed predictions. */
function timeOf({ steps }: RunFacts, matches: (step: StepFacts) => boolean): string {
  const all = Object.values(steps).filter(matches);
  return all.length === 0
    ? missing
    : reportDuration(
        all.reduce((sum, step) => sum + (step.kind === "train" ? trainingSeconds(step) : step.seconds), 0),
      );
}

function tokenRate({ steps }: RunFacts): string {
  const value = steps.train?.evidence.tokens_per_second;
  return typeof value === "number" ? integer(value) : missing;
}

function price({ cost, config }: RunFacts): string {
  const hourly = config.resources.price_per_hour;
  return hourly === undefined ? missing : ((cost.seconds / 3600) * hourly).toFixed(2);
}
