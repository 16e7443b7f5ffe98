import { addTable, type Column, colours, font, restyle, type Sheets, score, solid, whole } from "./sheet.ts";

/** The sweep that a run won: every setting as it was scored on validation rows, in the order of the sweep. */
export type WorkbookSweep = {
  /** What the scores are. */
  readonly score: string;
  readonly why: string;
  readonly settings: readonly {
    readonly values: Readonly<Record<string, unknown>>;
    readonly value: number;
    readonly low: number;
    readonly high: number;
    /** Over seeds; null for a single run. */
    readonly sd: number | null;
    readonly runs: number;
    /** Of a sweep by halving: after how many epochs it was scored last. */
    readonly epochs?: number | undefined;
    readonly isWinner: boolean;
  }[];
};

/** One row a setting, varied keys as columns. */
export function writeSweep(sheets: Sheets, { score: name, why, settings }: WorkbookSweep): void {
  const keys = Object.keys(settings[0]?.values ?? {});
  const hasEpochs = settings.some(({ epochs }) => epochs !== undefined);
  const columns: Column[] = [
    ...keys.map((key) => ({ header: key, width: Math.max(14, key.length + 2) })),
    ...(hasEpochs ? [{ header: "Epochs", width: 9, numFmt: whole }] : []),
    { header: name, width: Math.max(16, name.length + 2), numFmt: score },
    { header: "95 % from", width: 12, numFmt: score },
    { header: "to", width: 9, numFmt: score },
    { header: "SD over seeds", width: 15, numFmt: score },
    { header: "Seeds", width: 8, numFmt: whole },
    { header: "Chosen", width: 90, indent: 1 },
  ];
  const table = addTable(sheets, "Sweep", columns, Math.max(1, keys.length));
  for (const { values, value, low, high, sd, runs, epochs, isWinner } of settings) {
    const cells = keys.map((key) => {
      const one = values[key];
      return typeof one === "number" || typeof one === "string" ? one : JSON.stringify(one);
    });
    const before = [...cells, ...(hasEpochs ? [epochs] : [])];
    const row = table.add([...before, value, low, high, sd ?? undefined, runs, isWinner ? why : undefined]);
    if (isWinner) restyle(row.getCell(before.length + 1), { fill: solid(colours.best), font: { ...font, bold: true } });
    row.commit();
  }
  table.sheet.commit();
}
