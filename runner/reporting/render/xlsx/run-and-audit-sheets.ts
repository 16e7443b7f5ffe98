import { addTable, armColumn, boundColumns, font, restyle, type Sheets, score, whole, withoutEmpty } from "./sheet.ts";

/** A row of the sheet Runs: one arm with its model, training and primary score. */
export type WorkbookRun = {
  readonly experiment: string;
  readonly arm: string;
  /** The base model; undefined for a classical baseline. */
  readonly model?: string | undefined;
  readonly revision?: string | undefined;
  /** "none", or the method and main hyper-parameters. */
  readonly training: string;
  /** The source of the predictions: an engine, a file or a baseline. */
  readonly source: string;
  readonly cases: number;
  /** undefined if the metric has no meaning for the cases. */
  readonly value: number | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly prompt_tokens?: number | undefined;
  readonly new_tokens?: number | undefined;
};

/** The result of the data audit. */
export type WorkbookAudit = {
  /** Split -> statistics by name. */
  readonly splits: Readonly<Record<string, readonly (readonly [name: string, value: number])[]>>;
  readonly findings: readonly {
    readonly severity: string;
    readonly code: string;
    readonly message: string;
    readonly count: number;
    readonly examples: readonly string[];
    readonly accepted: boolean;
  }[];
};

/** Writes one row per arm. `metric` is the header of the score column. */
export function writeRuns(sheets: Sheets, runs: readonly WorkbookRun[], metric: string): void {
  const filled = withoutEmpty(
    [
      { header: "Experiment", width: 26 },
      armColumn,
      { header: "Model", width: 24 },
      { header: "Commit", width: 14 },
      { header: "Training", width: 58, wrap: true },
      { header: "Source of predictions", width: 46, wrap: true },
      { header: "Cases", width: 9, numFmt: whole },
      { header: metric, width: Math.max(12, metric.length + 4), numFmt: score },
      ...boundColumns(score),
      { header: "Prompt tokens", width: 15, numFmt: whole },
      { header: "New tokens", width: 13, numFmt: whole },
    ],
    runs.map((one) => {
      const { experiment, arm, model, revision, training, source, cases, value, low, high } = one;
      const texts = [experiment, arm, model, revision?.slice(0, 12), training, source];
      return [...texts, cases, value, low, high, one.prompt_tokens, one.new_tokens];
    }),
  );
  const table = addTable(sheets, "Runs", filled.columns, 2);
  for (const row of filled.rows) table.add(row).commit();
  table.sheet.commit();
}

/** Writes the findings, errors before warnings, followed by the statistics of each split. */
export function writeAudit(sheets: Sheets, { splits, findings }: WorkbookAudit): void {
  const table = addTable(
    sheets,
    "Data audit",
    [
      { header: "Code or split", width: 26 },
      { header: "Severity", width: 18 },
      { header: "Count", width: 12, numFmt: "#,##0.###" },
      { header: "Finding or statistic", width: 90, wrap: true, indent: 1 },
      { header: "Examples", width: 70, wrap: true },
    ],
    1,
  );
  for (const { severity, code, message, count, examples, accepted } of findings) {
    const level = accepted ? `${severity}, accepted` : severity;
    const row = table.add([code, level, count, message, examples.join("; ")]);
    if (severity === "error") restyle(row.getCell(1), { font: { ...font, bold: true } });
    row.commit();
  }
  if (findings.length === 0) table.add(["no findings", undefined, 0, undefined, undefined]).commit();
  for (const [split, facts] of Object.entries(splits)) {
    for (const [name, value] of facts) table.add([split, "statistic", value, name, undefined]).commit();
  }
  table.sheet.commit();
}
