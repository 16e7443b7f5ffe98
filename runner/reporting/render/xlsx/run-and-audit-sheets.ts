import { addTable, font, restyle, type Sheets, score, whole } from "./sheet.ts";

/** One arm as a line of sheet Runs: what answered, how it was trained, and how it did. */
export type WorkbookRun = {
  readonly experiment: string;
  readonly arm: string;
  /** The base model; undefined for a classical baseline. */
  readonly model?: string | undefined;
  readonly revision?: string | undefined;
  /** "none", or how: method, rank, learning rate, epochs, seed. */
  readonly training: string;
  /** What gave the answers: an engine, a file, a baseline. */
  readonly answered_by: string;
  readonly cases: number;
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly prompt_tokens?: number | undefined;
  readonly new_tokens?: number | undefined;
};

/** What the audit of the data said. */
export type WorkbookAudit = {
  /** Part -> what was counted in it, by name. */
  readonly parts: Readonly<Record<string, readonly (readonly [name: string, value: number])[]>>;
  readonly findings: readonly {
    readonly severity: string;
    readonly code: string;
    readonly message: string;
    readonly count: number;
    readonly examples: readonly string[];
    readonly accepted: boolean;
  }[];
};

/** One row an arm; `metric` heads the column of its value. */
export function writeRuns(sheets: Sheets, runs: readonly WorkbookRun[], metric: string): void {
  const table = addTable(
    sheets,
    "Runs",
    [
      { header: "Experiment", width: 26 },
      { header: "Arm", width: 26 },
      { header: "Model", width: 24 },
      { header: "Commit", width: 14 },
      { header: "Training", width: 58, wrap: true },
      { header: "Answered by", width: 46, wrap: true },
      { header: "Cases", width: 9, numFmt: whole },
      { header: metric, width: Math.max(12, metric.length + 4), numFmt: score },
      { header: "95 % from", width: 11, numFmt: score },
      { header: "to", width: 9, numFmt: score },
      { header: "Prompt tokens", width: 15, numFmt: whole },
      { header: "New tokens", width: 13, numFmt: whole },
    ],
    2,
  );
  for (const one of runs) {
    const { experiment, arm, model, revision, training, answered_by, cases, value, low, high } = one;
    const who = [experiment, arm, model, revision?.slice(0, 12), training, answered_by];
    table.add([...who, cases, value, low, high, one.prompt_tokens, one.new_tokens]).commit();
  }
  table.sheet.commit();
}

/** First what was found, errors before warnings, then what each part holds. */
export function writeAudit(sheets: Sheets, { parts, findings }: WorkbookAudit): void {
  const table = addTable(
    sheets,
    "Data audit",
    [
      { header: "What", width: 26 },
      { header: "Severity", width: 18 },
      { header: "Count", width: 12, numFmt: "#,##0.###" },
      { header: "Finding", width: 90, wrap: true, indent: 1 },
      { header: "Examples", width: 70, wrap: true },
    ],
    1,
  );
  for (const { severity, code, message, count, examples, accepted } of findings) {
    const weight = accepted ? `${severity}, accepted` : severity;
    const row = table.add([code, weight, count, message, examples.join("; ")]);
    if (severity === "error") restyle(row.getCell(1), { font: { ...font, bold: true } });
    row.commit();
  }
  if (findings.length === 0) table.add(["nothing found", undefined, 0, undefined, undefined]).commit();
  for (const [part, facts] of Object.entries(parts)) {
    for (const [name, value] of facts) table.add([`rows of ${part}`, "number", value, name, undefined]).commit();
  }
  table.sheet.commit();
}
