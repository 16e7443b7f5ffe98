import { duration, gigabytes, whole } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import { energyWords } from "../report/energy.ts";
import type { RunFacts, StepFacts, Study } from "../report/study.ts";

/** What the results cost, whenever their steps were built. */
export function efficiency({ runs }: Study): readonly Block[] {
  const measured = runs.some(({ cost }) => cost.energy !== undefined);
  const priced = runs.some(({ config }) => config.resources.price_per_hour !== undefined);
  return [
    heading(1, "Efficiency"),
    paragraph(
      "Times are wall-clock times of the steps when they were built: a step that was reused is counted with what it cost then. Peak " +
        "memory is the largest of any step, of the device where there is one and of the process otherwise.",
      measured
        ? " Energy is what the machine's own counters told: NVML's of the GPUs that a step had for itself, RAPL's of the processor packages with whatever else the machine did meanwhile."
        : "",
    ),
    {
      type: "table",
      id: "cost",
      caption: "Cost of each run.",
      head: [
        "run",
        "training",
        "generation",
        "all steps",
        "tokens/s trained",
        "peak memory",
        "tokens generated",
        ...(measured ? ["energy"] : []),
        ...(priced ? ["price"] : []),
      ],
      align: ["left", ...Array.from({ length: 6 + Number(measured) + Number(priced) }, () => "right" as const)],
      rows: runs.map((run) => [
        run.name,
        time(run, ({ kind }) => kind === "train"),
        time(run, ({ kind }) => kind === "generate" || kind === "ask"),
        duration(run.cost.seconds),
        rate(run),
        gigabytes(run.cost.peak_memory),
        run.cost.tokens.generated === 0 ? "–" : whole(run.cost.tokens.generated),
        ...(measured ? [energyWords(run.cost.energy)] : []),
        ...(priced ? [price(run)] : []),
      ]),
    },
    ...(runs.length > 1
      ? [
          {
            type: "figure" as const,
            id: "cost-quality",
            caption: "Quality against the time of all steps; each point is a run, with its 95 % interval.",
            alt: "Scatter of the primary metric against the cost of each run",
          },
        ]
      : []),
  ];
}

/** What steps of a kind took together; a dash where there were none, as where answers were replayed. */
function time({ steps }: RunFacts, is: (step: StepFacts) => boolean): string {
  const all = Object.values(steps).filter(is);
  return all.length === 0 ? "–" : duration(all.reduce((sum, { seconds }) => sum + seconds, 0));
}

function rate({ steps }: RunFacts): string {
  const value = steps.train?.evidence.tokens_per_second;
  return typeof value === "number" ? whole(value) : "–";
}

function price({ cost, config }: RunFacts): string {
  const hourly = config.resources.price_per_hour;
  return hourly === undefined ? "–" : ((cost.seconds / 3600) * hourly).toFixed(2);
}
