import type excel from "exceljs";
import type { View } from "../../../data/labels/views.ts";
import {
  addTable,
  armColumn,
  type Column,
  colours,
  labelSeparator,
  type Sheets,
  scale,
  score,
  sheetRows,
  type Table,
  whole,
} from "./sheet.ts";

/** The prediction of one arm for one case. */
export type WorkbookCase = {
  readonly id: string;
  readonly arm: string;
  /** Parts of gold: labels, or one text. */
  readonly gold: readonly string[];
  /** The generated text; absent for a classical baseline. */
  readonly text?: string | undefined;
  /** Parts of the prediction. */
  readonly prediction: readonly string[];
  readonly parsed: boolean;
  readonly notes: readonly string[];
  readonly exact: boolean;
  readonly f1: number;
  /** The primary metric of the case, for a task without labels. */
  readonly primary?: number | undefined;
  readonly omitted: readonly string[];
  readonly added: readonly string[];
  readonly finish?: string | undefined;
  readonly prompt_tokens?: number | undefined;
  readonly new_tokens?: number | undefined;
  /** Error categories; empty for a correct prediction. */
  readonly categories?: readonly string[];
  /** The causes of each wrong label: "renal cyst: negated". */
  readonly causes?: readonly string[];
};

/** What an engine can measure of a response. */
export type Measurement = "finish" | "prompt_tokens" | "new_tokens";
const measurements: readonly (Column & { readonly key: Measurement })[] = [
  { key: "finish", header: "Finish reason", width: 15 },
  { key: "prompt_tokens", header: "Prompt tokens", width: 15, numFmt: whole },
  { key: "new_tokens", header: "New tokens", width: 13, numFmt: whole },
];

/** The measurements that some predictions have. */
export function measuredIn(predictions: Iterable<Partial<Record<Measurement, unknown>>>): ReadonlySet<Measurement> {
  const found = new Set<Measurement>();
  for (const one of predictions) for (const { key } of measurements) if (one[key] !== undefined) found.add(key);
  return found;
}

/**
 * Writes one row per case and arm, on several sheets if necessary. `view` is the view of the comparison, and `metric` the primary
 * one, which replaces F1 for a task without labels. The text of a case is on the sheet By case, which has it once.
 */
export async function writeCases(
  sheets: Sheets,
  cases: Iterable<WorkbookCase>,
  {
    view,
    hasLabels,
    hasCauses,
    measured,
    metric,
  }: {
    readonly view: View;
    readonly hasLabels: boolean;
    readonly hasCauses: boolean;
    /** What the engine of an arm measured; the other columns are left out. */
    readonly measured: ReadonlySet<Measurement>;
    readonly metric: string | undefined;
  },
): Promise<void> {
  const columns: Column[] = [
    { header: "ID", width: 14 },
    armColumn,
    { header: "Gold", width: 32, wrap: true },
    { header: "Response", width: 40, wrap: true },
    { header: "Prediction", width: 32, wrap: true },
    { header: `Exact match (${view})`, width: 22 },
    { header: `${hasLabels ? "F1" : (metric ?? "score")} (${view})`, width: 14, numFmt: score },
    ...(hasLabels
      ? [
          { header: "Missed labels", width: 28, wrap: true, indent: 1 },
          { header: "Added labels", width: 28, wrap: true },
        ]
      : []),
    { header: "Parsing", width: 16 },
    ...measurements.filter(({ key }) => measured.has(key)).map(({ key: _, ...column }) => column),
    { header: "Error categories", width: 40, wrap: true, indent: 1 },
    ...(hasCauses ? [{ header: "Causes", width: 40, wrap: true }] : []),
  ];
  let parts = 1;
  let table = addTable(sheets, "Cases", columns, 2);
  for (const one of cases) {
    if (table.rows === sheetRows) {
      closeCases(table);
      table = addTable(sheets, `Cases ${++parts}`, columns, 2);
    }
    const values = [
      one.id,
      one.arm,
      one.gold.join(labelSeparator),
      one.text,
      one.prediction.join(labelSeparator),
      one.exact ? "yes" : "no",
      hasLabels ? one.f1 : one.primary,
      ...(hasLabels ? [one.omitted.join(labelSeparator), one.added.join(labelSeparator)] : []),
      [...(one.parsed ? [] : ["not parsed"]), ...one.notes].join(", "),
      ...measurements.flatMap(({ key }) => (measured.has(key) ? [one[key]] : [])),
      one.categories?.join(labelSeparator),
      ...(hasCauses ? [one.causes?.join(labelSeparator)] : []),
    ];
    table.write(values);
    // The archive is written in other turns of the event loop. Without a pause all rows would stay in memory.
    if (table.rows % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  closeCases(table);
}

function closeCases({ sheet, first, rows }: Table): void {
  const last = Math.max(first, rows);
  const exact = (value: "yes" | "no", argb: string, priority: number): excel.ConditionalFormattingRule => ({
    type: "cellIs",
    operator: "equal",
    formulae: [`"${value}"`],
    priority,
    style: { font: { color: { argb } } },
  });
  sheet.addConditionalFormatting({
    ref: `F${first}:F${last}`,
    rules: [exact("yes", colours.rightText, 1), exact("no", colours.wrongText, 2)],
  });
  sheet.addConditionalFormatting({ ref: `G${first}:G${last}`, rules: [scale(3)] });
  sheet.commit();
}
