import type excel from "exceljs";
import type { View } from "../../../data/labels/views.ts";
import { addTable, type Column, colours, labelSeparator, type Sheets, sheetRows, type Table, whole } from "./sheet.ts";

/** How a prediction relates to gold. The sheet *Read me* defines the values. */
export type Verdict = "correct" | "partly correct" | "wrong" | "different" | "not parsed";

/** A case with the prediction of every arm, in the order of the arms; null if an arm has none. */
export type WorkbookCaseRow = {
  readonly id: string;
  readonly input: string;
  /** Parts of gold: labels, or one text. */
  readonly gold: readonly string[];
  readonly answers: readonly ({ readonly answer: string; readonly verdict: Verdict } | null)[];
};

/** The verdict on a compared prediction. A prediction without labels is correct or different. */
export function verdictOf(
  {
    parsed,
    exact,
    f1,
  }: {
    readonly parsed: boolean;
    readonly exact: boolean;
    readonly f1: number;
  },
  hasLabels = true,
): Verdict {
  if (!parsed) return "not parsed";
  if (exact) return "correct";
  if (!hasLabels) return "different";
  return f1 > 0 ? "partly correct" : "wrong";
}

/** Writes one row per case with the arms side by side, on several sheets if necessary. */
export async function writeByCase(
  sheets: Sheets,
  rows: Iterable<WorkbookCaseRow>,
  arms: readonly string[],
  view: View,
): Promise<void> {
  const columns: Column[] = [
    { header: "ID", width: 14 },
    { header: "Text", width: 90, wrap: true },
    { header: "Gold", width: 32, wrap: true, indent: 1 },
    { header: `Correct arms (${view})`, width: 24, numFmt: whole },
    ...arms.flatMap((arm): Column[] => [
      { header: arm, width: Math.max(32, arm.length + 4), wrap: true, indent: 1 },
      { header: `${arm}: verdict`, width: Math.max(16, arm.length + 13) },
    ]),
  ];
  let parts = 1;
  let table = addTable(sheets, "By case", columns, 1);
  for (const { id, input, gold, answers } of rows) {
    if (table.rows === sheetRows) {
      close(table, columns.length);
      table = addTable(sheets, `By case ${++parts}`, columns, 1);
    }
    table.write([
      id,
      input,
      gold.join(labelSeparator),
      answers.filter((one) => one?.verdict === "correct").length,
      ...answers.flatMap((one) => (one === null ? [undefined, undefined] : [one.answer, one.verdict])),
    ]);
    // The archive is written in other turns of the event loop. Without a pause all rows would stay in memory.
    if (table.rows % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  close(table, columns.length);
}

/** The first column of the verdicts, from 1. */
const firstVerdict = 6;

function close({ sheet, first, rows, letters }: Table, columns: number): void {
  const last = Math.max(first, rows);
  const refs: string[] = [];
  for (let at = firstVerdict; at <= columns; at += 2) refs.push(`${letters[at - 1]}${first}:${letters[at - 1]}${last}`);
  const rule = (verdict: Verdict, argb: string, priority: number): excel.ConditionalFormattingRule => ({
    type: "cellIs",
    operator: "equal",
    formulae: [`"${verdict}"`],
    priority,
    style: { font: { color: { argb } } },
  });
  if (refs.length > 0)
    sheet.addConditionalFormatting({
      ref: refs.join(" "),
      rules: [
        rule("correct", colours.rightText, 1),
        rule("wrong", colours.wrongText, 2),
        rule("not parsed", colours.wrongText, 3),
      ],
    });
  sheet.commit();
}
