import { distinctSweeps } from "../../runs/ablation.ts";
import { ablationTable } from "../report/ablation.ts";
import { metricName } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** The settings of each sweep with their scores on the split that they were evaluated or selected on. */
export function ablation({ runs }: Study): readonly Block[] {
  const swept = distinctSweeps(runs);
  return swept.length === 0 ? [] : [heading(1, "Ablation"), ...swept.flatMap(sweepBlocks)];
}

function sweepBlocks({ ablation: sweep, run }: RunFacts): readonly Block[] {
  const ablation = sweep as NonNullable<RunFacts["ablation"]>;
  const { experiment, metric, view, rows, chosen } = ablation;
  return [
    {
      type: "table",
      id: `ablation-${run}`,
      caption: `${experiment}: all settings on the ${rows} split, with 95 % confidence intervals.${chosen === undefined ? "" : " Only the selected setting was evaluated on test."}`,
      ...ablationTable(ablation, metricName),
    },
    ...(chosen === undefined ? [] : [paragraph(`Selection on the ${rows} split: ${chosen.why}.`)]),
    {
      type: "figure",
      id: "ablation",
      caption: `All settings on the ${rows} split: ${metricName(metric)} (${view} view) with 95 % confidence intervals.`,
      alt: "Points with confidence intervals, one per setting of the sweep",
    },
  ];
}
