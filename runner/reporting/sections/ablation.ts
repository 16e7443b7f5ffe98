import { distinctSweeps, isLearningCurve } from "../../runs/ablation.ts";
import { sweepFigure } from "../figures/index.ts";
import { ablationTable } from "../report/ablation.ts";
import { metricName } from "../report/display-names.ts";
import { about, type Block, heading, paragraph } from "../report/document.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** The settings of each sweep with their scores on the split that they were evaluated or selected on. */
export function ablation({ runs }: Study): readonly Block[] {
  const swept = distinctSweeps(runs);
  return swept.length === 0
    ? []
    : [
        heading(
          1,
          swept.every(({ ablation: own }) => own !== undefined && isLearningCurve(own)) ? "Learning curve" : "Ablation",
        ),
        ...swept.flatMap(sweepBlocks),
      ];
}

function sweepBlocks({ ablation: sweep, run }: RunFacts): readonly Block[] {
  const ablation = sweep as NonNullable<RunFacts["ablation"]>;
  const { experiment, metric, view, rows, chosen, settings } = ablation;
  const isCurve = isLearningCurve(ablation);
  const intervals = settings.some(({ interval }) => interval !== null) ? ", with 95 % confidence intervals" : "";
  const hasSeeds = settings.some(({ runs }) => runs > 1);
  return [
    paragraph(
      ...about(`ablation-${run}`, `lists the settings of the sweep ${experiment}.`),
      ...about(sweepFigure(run), `plots their ${metricName(metric)}.`),
    ),
    {
      type: "table",
      id: `ablation-${run}`,
      caption: `${experiment}: ${isCurve ? "learning curve" : "all settings"} on the ${rows} split${intervals}.${hasSeeds ? " SD is the standard deviation over seeds." : ""}${chosen === undefined ? "" : " Only the selected setting was evaluated on test."}`,
      ...ablationTable(ablation, metricName),
    },
    ...(chosen === undefined ? [] : [paragraph(`Selection on the ${rows} split: ${chosen.why}.`)]),
    {
      type: "figure",
      id: sweepFigure(run),
      caption: isCurve
        ? `${experiment}: ${metricName(metric)} (${view} view, ${rows} split) against the number of training rows. ${hasSeeds ? "Small points are seeds; lines join their means." : "Bars are 95 % confidence intervals."}`
        : `${experiment}: ${metricName(metric)} (${view} view) of all settings on the ${rows} split${intervals}.`,
      alt: isCurve
        ? `Line chart of ${metricName(metric)} against the number of training rows`
        : `Points for ${metricName(metric)}, one per setting of the sweep`,
    },
  ];
}
