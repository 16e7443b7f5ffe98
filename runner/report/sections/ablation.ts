import { shortKeys, valueText } from "../ablation.ts";
import { type Block, heading, paragraph } from "../block.ts";
import type { RunFacts, Study } from "../study.ts";
import { duration, metricWord, score, withInterval } from "../words.ts";

/** What each sweep varied and chose among, on the rows that it was chosen by. */
export function ablation({ runs }: Study): readonly Block[] {
  const seen = new Set<string>();
  const won = runs.filter(({ ablation: own, steps }) => {
    const object = steps.select?.object ?? "";
    if (own === undefined || seen.has(object)) return false;
    seen.add(object);
    return true;
  });
  return won.length === 0 ? [] : [heading(1, "Ablation"), ...won.flatMap(tableOf)];
}

function tableOf({ ablation: own, run }: RunFacts): readonly Block[] {
  const { experiment, metric, view, rows, keys, settings, chosen } = own as NonNullable<RunFacts["ablation"]>;
  const hasSeeds = settings.some(({ runs }) => runs > 1);
  const hasEpochs = settings.some(({ epochs }) => epochs !== undefined);
  return [
    {
      type: "table",
      id: `ablation-${run}`,
      caption: `${experiment}: every setting on ${rows} rows, with 95 % intervals. The chosen one alone was scored on test.`,
      head: [
        ...shortKeys(keys),
        ...(hasEpochs ? ["epochs"] : []),
        `${metricWord(metric)} (${view})`,
        ...(hasSeeds ? ["SD", "seeds"] : []),
        "cost",
        "on test",
      ],
      align: [
        ...keys.map(() => "left" as const),
        ...(hasEpochs ? ["right" as const] : []),
        "right",
        ...(hasSeeds ? ["right" as const, "right" as const] : []),
        "right",
        "right",
      ],
      rows: settings.map(({ values, value, interval, sd, runs, seconds, test, epochs }) => [
        ...keys.map((key) => valueText(values[key])),
        ...(hasEpochs ? [String(epochs ?? "")] : []),
        value === null || interval === null ? score(value ?? undefined) : withInterval({ value, ...interval }),
        ...(hasSeeds ? [score(sd ?? undefined), String(runs)] : []),
        seconds === null ? "–" : duration(seconds),
        (test ?? [])
          .map(({ value: one, low, high }) =>
            low === undefined || high === undefined ? score(one) : withInterval({ value: one, low, high }),
          )
          .join("; "),
      ]),
    },
    paragraph(`The choice was made on ${rows} rows: ${chosen?.why ?? ""}.`),
    {
      type: "figure",
      id: "ablation",
      caption: `${metricWord(metric)} (${view} view) of every setting on ${rows} rows, with 95 % intervals.`,
      alt: "Points with intervals, one for each setting of the sweep",
    },
  ];
}
