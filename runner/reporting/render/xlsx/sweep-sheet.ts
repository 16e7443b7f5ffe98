import {
  addTable,
  boundColumns,
  type Column,
  colours,
  font,
  restyle,
  type Sheets,
  score,
  solid,
  whole,
} from "./sheet.ts";

/** The settings of a sweep with their scores, in the order of the sweep. */
export type WorkbookSweep = {
  /** Header of the score column. */
  readonly score: string;
  /** The selection rule; absent if the sweep selects no setting. */
  readonly why?: string;
  readonly settings: readonly {
    readonly values: Readonly<Record<string, unknown>>;
    /** null if the metric is undefined. */
    readonly value: number | null;
    /** Bounds of the 95 % confidence interval; null if there is none. */
    readonly low: number | null;
    readonly high: number | null;
    /** Standard deviation over seeds; null for a single run. */
    readonly sd: number | null;
    readonly runs: number;
    /** Successive halving only: epochs at the setting's last evaluation. */
    readonly epochs?: number | undefined;
    /** Seconds of all steps of its runs; absent if unknown. */
    readonly seconds?: number | null | undefined;
    readonly isWinner: boolean;
  }[];
};

/** Writes one row per setting, with the varied keys as columns. */
export function writeSweep(sheets: Sheets, { score: name, why, settings }: WorkbookSweep, title = "Sweep"): void {
  const keys = Object.keys(settings[0]?.values ?? {});
  const hasEpochs = settings.some(({ epochs }) => epochs !== undefined);
  const hasSeconds = settings.some(({ seconds }) => seconds !== undefined);
  const columns: Column[] = [
    ...keys.map((key) => ({ header: key, width: Math.max(14, key.length + 2) })),
    ...(hasEpochs ? [{ header: "Epochs", width: 9, numFmt: whole }] : []),
    { header: name, width: Math.max(16, name.length + 2), numFmt: score },
    ...boundColumns(score),
    { header: "SD over seeds", width: 15, numFmt: score },
    { header: "Seeds", width: 8, numFmt: whole },
    ...(hasSeconds ? [{ header: "Time (s)", width: 11, numFmt: "#,##0.0" }] : []),
    ...(why === undefined ? [] : [{ header: "Selection", width: 90, indent: 1 }]),
  ];
  const table = addTable(sheets, title, columns, Math.max(1, keys.length));
  for (const { values, value, low, high, sd, runs, epochs, seconds, isWinner } of settings) {
    const cells = keys.map((key) => {
      const one = values[key];
      return typeof one === "number" || typeof one === "string" ? one : JSON.stringify(one);
    });
    const before = [...cells, ...(hasEpochs ? [epochs] : [])];
    const scores = [value, low, high, sd].map((one) => one ?? undefined);
    const after = [...(hasSeconds ? [seconds ?? undefined] : []), isWinner ? why : undefined];
    const row = table.add([...before, ...scores, runs, ...after]);
    if (isWinner) restyle(row.getCell(before.length + 1), { fill: solid(colours.best), font: { ...font, bold: true } });
    row.commit();
  }
  table.sheet.commit();
}
