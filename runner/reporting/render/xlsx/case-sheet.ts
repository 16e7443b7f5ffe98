import type excel from "exceljs";
import type { View } from "../../../data/labels/views.ts";
import { addTable, between, type Column, colours, type Sheets, scale, score, type Table, whole } from "./sheet.ts";

/** One case as one arm answered it. */
export type WorkbookCase = {
  readonly id: string;
  readonly arm: string;
  readonly input: string;
  readonly gold: readonly string[];
  /** The answer as generated; absent for a classical baseline. */
  readonly text?: string | undefined;
  readonly labels: readonly string[];
  readonly parsed: boolean;
  readonly notes: readonly string[];
  readonly exact: boolean;
  readonly f1: number;
  readonly omissions: readonly string[];
  readonly additions: readonly string[];
  readonly finish?: string | undefined;
  readonly prompt_tokens?: number | undefined;
  readonly new_tokens?: number | undefined;
  /** In which ways it is wrong; none where it is right, or was not analysed. */
  readonly categories?: readonly string[];
};

/** Rows of a sheet in Excel, header included. */
const sheetRows = 1_048_576;

/** One row a case and arm, in as many sheets as Excel needs for them; `view` is the one in which cases are compared. */
export async function writeCases(sheets: Sheets, cases: Iterable<WorkbookCase>, view: View): Promise<void> {
  const columns: Column[] = [
    { header: "ID", width: 14 },
    { header: "Arm", width: 14 },
    { header: "Input", width: 60, wrap: true },
    { header: "Gold", width: 32, wrap: true },
    { header: "Answer", width: 40, wrap: true },
    { header: "Labels read", width: 32, wrap: true },
    { header: `Exact (${view})`, width: 16 },
    { header: `F1 (${view})`, width: 14, numFmt: score },
    { header: "Omissions", width: 28, wrap: true, indent: 1 },
    { header: "Additions", width: 28, wrap: true },
    { header: "Reading", width: 16 },
    { header: "Finish", width: 10 },
    { header: "Prompt tokens", width: 15, numFmt: whole },
    { header: "New tokens", width: 13, numFmt: whole },
    { header: "Failure categories", width: 40, wrap: true, indent: 1 },
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
      one.input,
      one.gold.join(between),
      one.text,
      one.labels.join(between),
      one.exact ? "yes" : "no",
      one.f1,
      one.omissions.join(between),
      one.additions.join(between),
      [...(one.parsed ? [] : ["not read"]), ...one.notes].join(", "),
      one.finish,
      one.prompt_tokens,
      one.new_tokens,
      one.categories?.join(between),
    ];
    table.put(values, 60);
    // The archive is written between turns of the event loop; without a pause every row would wait in memory.
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
    ref: `G${first}:G${last}`,
    rules: [exact("yes", colours.rightText, 1), exact("no", colours.wrongText, 2)],
  });
  sheet.addConditionalFormatting({ ref: `H${first}:H${last}`, rules: [scale(3)] });
  sheet.commit();
}
