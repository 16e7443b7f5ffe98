import type { Ablation, AblationRow } from "../../runs/ablation.ts";
import { integer, missing, reportDuration, score, withInterval } from "../../util/format.ts";

/** The shortest suffixes that keep dotted keys distinct: "rank" for "train.rank". */
export function shortKeys(keys: readonly string[]): readonly string[] {
  return keys.map((key) => {
    const parts = key.split(".");
    for (let count = 1; count < parts.length; count++) {
      const short = parts.slice(-count).join(".");
      if (keys.every((other) => other === key || !`.${other}`.endsWith(`.${short}`))) return short;
    }
    return key;
  });
}

/** A configuration value as a table cell. */
export function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Head, cells and alignment of a table of settings, for the report and the terminal. `metricName` gives display names. */
export function ablationTable(
  { metric, view, rows, keys, settings, chosen }: Ablation,
  metricName: (metric: string) => string,
): {
  readonly head: readonly string[];
  readonly align: readonly ("left" | "right")[];
  readonly rows: readonly (readonly string[])[];
} {
  const sizes = settings.map(({ trainingRows }) => trainingRows);
  const columns: readonly (readonly [head: string, cell: (row: AblationRow) => string])[] = [
    ...(settings.some(({ epochs }) => epochs !== undefined)
      ? [["epochs", ({ epochs }: AblationRow) => String(epochs ?? "")] as const]
      : []),
    ...(new Set(sizes).size > 1 && sizes.every((size) => size !== undefined)
      ? [["training rows", ({ trainingRows }: AblationRow) => integer(trainingRows ?? 0)] as const]
      : []),
    [`${metricName(metric)} (${view}, ${rows})`, ({ value, interval }) => withInterval({ value, ...interval })],
    ...(settings.some(({ runs }) => runs > 1)
      ? [
          ["SD", ({ sd }: AblationRow) => score(sd)] as const,
          ["seeds", ({ runs }: AblationRow) => String(runs)] as const,
        ]
      : []),
    ["time", ({ seconds }) => (seconds === null ? missing : reportDuration(seconds))],
    ...(chosen === undefined
      ? []
      : [
          [
            `${metricName(chosen.metric)} (${chosen.view}, test)`,
            ({ test }: AblationRow) => (test ?? []).map(withInterval).join("; "),
          ] as const,
        ]),
  ];
  return {
    head: [...shortKeys(keys), ...columns.map(([head]) => head)],
    align: [...keys.map(() => "left" as const), ...columns.map(() => "right" as const)],
    rows: settings.map((row) => [
      ...keys.map((key) => valueText(row.values[key])),
      ...columns.map(([, cell]) => cell(row)),
    ]),
  };
}
