import { shortKeys, valueText } from "../reporting/report/ablation.ts";
import type { Ablation } from "../runs/ablation.ts";
import { duration } from "../util/format.ts";
import { paint } from "./styles.ts";
import { table } from "./table.ts";

/** More settings than this are counted and not listed, the best of them but for the winner first; the workbook has all. */
const mostRows = 40;

const score = (value: number | null): string => value?.toFixed(3) ?? "-";
const withEnds = (value: number | null, ends: { readonly low: number; readonly high: number } | null): string =>
  `${score(value)}${ends === null ? "" : ` [${ends.low.toFixed(3)}, ${ends.high.toFixed(3)}]`}`;

/** A sweep as a table: a row a setting, varied keys as columns, score with interval, the winner's test score, and cost. */
export function ablationText(
  { experiment, metric, view, rows, keys, settings, chosen }: Ablation,
  screen: { readonly color: boolean; readonly columns?: number },
): string {
  const { bold, dim } = paint(screen.color);
  const hasSeeds = settings.some(({ runs }) => runs > 1);
  const hasEpochs = settings.some(({ epochs }) => epochs !== undefined);
  const head = [
    ...shortKeys(keys),
    ...(hasEpochs ? ["epochs"] : []),
    `${metric} (${view}), ${rows}`,
    ...(hasSeeds ? ["sd", "seeds"] : []),
    "cost",
    ...(chosen === undefined ? [] : [`test ${chosen.metric} (${chosen.view})`]),
  ];
  const lines = settings.slice(0, mostRows).map(({ values, value, interval, sd, runs, seconds, test, epochs }) => {
    const scores = test?.map(({ value: one, low, high }) =>
      withEnds(one, low === undefined || high === undefined ? null : { low, high }),
    );
    return [
      ...keys.map((key) => valueText(values[key])),
      ...(hasEpochs ? [String(epochs ?? "")] : []),
      withEnds(value, interval),
      ...(hasSeeds ? [sd === null ? "" : sd.toFixed(3), String(runs)] : []),
      seconds === null ? "-" : duration(seconds),
      ...(chosen === undefined ? [] : [scores === undefined ? "" : scores.join("; ")]),
    ];
  });
  const more = settings.length - lines.length;
  const align = [...keys.map(() => "left" as const), ...head.slice(keys.length).map(() => "right" as const)];
  return [
    `\n${bold(`${experiment}: ${settings.length} settings`)}\n`,
    table([head, ...lines], { align, color: screen.color, ...(screen.columns ? { columns: screen.columns } : {}) }),
    ...(more > 0 ? [dim(`and ${more} more`), "\n"] : []),
    ...(chosen === undefined ? [] : [`Chosen on ${rows}: ${chosen.why}\n`]),
  ].join("");
}
