import { addTable, type Column, colours, font, restyle, type Sheets, score, solid, whole } from "./sheet.ts";

/** A sweep: every setting as it was scored, in the order of the sweep. */
export type WorkbookSweep = {
  /** What the scores are. */
  readonly score: string;
  /** Why the winner is the winner; absent where nothing was chosen. */
  readonly why?: string;
  readonly settings: readonly {
    readonly values: Readonly<Record<string, unknown>>;
    /** null where it could not be computed. */
    readonly value: number | null;
    /** Ends of the 95 % interval; null where there is none. */
    readonly low: number | null;
    readonly high: number | null;
    /** Over seeds; null for a single run. */
    readonly sd: number | null;
    readonly runs: number;
    /** Of a sweep by halving: after how many epochs it was scored last. */
    readonly epochs?: number | undefined;
    /** Seconds of all steps of its runs; absent where they are not told. */
    readonly seconds?: number | null | undefined;
    readonly isWinner: boolean;
  }[];
};

/** One row a setting, varied keys as columns. */
export function writeSweep(sheets: Sheets, { score: name, why, settings }: WorkbookSweep, title = "Sweep"): void {
  const keys = Object.keys(settings[0]?.values ?? {});
  const hasEpochs = settings.some(({ epochs }) => epochs !== undefined);
  const hasSeconds = settings.some(({ seconds }) => seconds !== undefined);
  const columns: Column[] = [
    ...keys.map((key) => ({ header: key, width: Math.max(14, key.length + 2) })),
    ...(hasEpochs ? [{ header: "Epochs", width: 9, numFmt: whole }] : []),
    { header: name, width: Math.max(16, name.length + 2), numFmt: score },
    { header: "95 % from", width: 12, numFmt: score },
    { header: "to", width: 9, numFmt: score },
    { header: "SD over seeds", width: 15, numFmt: score },
    { header: "Seeds", width: 8, numFmt: whole },
    ...(hasSeconds ? [{ header: "Seconds", width: 11, numFmt: "#,##0.0" }] : []),
    ...(why === undefined ? [] : [{ header: "Chosen", width: 90, indent: 1 }]),
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
