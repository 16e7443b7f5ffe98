import { type AblationRow, distinctSweeps } from "../../runs/ablation.ts";
import { shortKeys, valueText } from "../report/ablation.ts";
import { duration, metricWord, score, withInterval } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import type { RunFacts, Study } from "../report/study.ts";

/** What each sweep varied, on the rows that were scored, or that it was chosen by where one of its settings was. */
export function ablation({ runs }: Study): readonly Block[] {
  const swept = distinctSweeps(runs);
  return swept.length === 0 ? [] : [heading(1, "Ablation"), ...swept.flatMap(tableOf)];
}

function tableOf({ ablation: own, run }: RunFacts): readonly Block[] {
  const { experiment, metric, view, rows, keys, settings, chosen } = own as NonNullable<RunFacts["ablation"]>;
  const hasSeeds = settings.some(({ runs }) => runs > 1);
  const hasEpochs = settings.some(({ epochs }) => epochs !== undefined);
  return [
    {
      type: "table",
      id: `ablation-${run}`,
      caption: `${experiment}: every setting on ${rows} rows, with 95 % intervals.${chosen === undefined ? "" : " The chosen one alone was scored on test."}`,
      head: [
        ...shortKeys(keys),
        ...(hasEpochs ? ["epochs"] : []),
        `${metricWord(metric)} (${view})`,
        ...(hasSeeds ? ["SD", "seeds"] : []),
        "cost",
        ...(chosen === undefined ? [] : ["on test"]),
      ],
      align: [
        ...keys.map(() => "left" as const),
        ...(hasEpochs ? ["right" as const] : []),
        "right",
        ...(hasSeeds ? ["right" as const, "right" as const] : []),
        "right",
        ...(chosen === undefined ? [] : ["right" as const]),
      ],
      rows: settings.map(({ values, value, interval, sd, runs, seconds, test, epochs }) => [
        ...keys.map((key) => valueText(values[key])),
        ...(hasEpochs ? [String(epochs ?? "")] : []),
        value === null || interval === null ? score(value ?? undefined) : withInterval({ value, ...interval }),
        ...(hasSeeds ? [score(sd ?? undefined), String(runs)] : []),
        seconds === null ? "–" : duration(seconds),
        ...(chosen === undefined ? [] : [testText(test ?? [])]),
      ]),
    },
    ...(chosen === undefined ? [] : [paragraph(`The choice was made on ${rows} rows: ${chosen.why}.`)]),
    {
      type: "figure",
      id: "ablation",
      caption: `${metricWord(metric)} (${view} view) of every setting on ${rows} rows, with 95 % intervals.`,
      alt: "Points with intervals, one for each setting of the sweep",
    },
  ];
}

/** The winner's scores on test, of each of its runs. */
function testText(scores: NonNullable<AblationRow["test"]>): string {
  return scores
    .map(({ value, low, high }) =>
      low === undefined || high === undefined ? score(value) : withInterval({ value, low, high }),
    )
    .join("; ");
}
