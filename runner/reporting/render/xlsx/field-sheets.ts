import type { View } from "../../../data/labels/views.ts";
import type { FieldConfusion, FieldRow, JsonDetails } from "../../../evaluation/json/details.ts";
import { addTable, armColumn, type Sheets, scale, score, whole } from "./sheet.ts";

/** Scores and errors of one arm by field of JSON objects. */
export type WorkbookFields = {
  readonly arm: string;
  readonly rows: Readonly<Partial<Record<View, readonly FieldRow[]>>>;
  readonly confusions: readonly FieldConfusion[];
  readonly errors: JsonDetails["schema_errors"];
};

/** Writes the scores of each field in each view. */
export function writeFields(sheets: Sheets, arms: readonly WorkbookFields[], views: readonly View[]): void {
  const counts = ["Gold", "Predicted", "Right", "Wrong", "Missing"];
  const table = addTable(
    sheets,
    "Fields",
    [
      { header: "Field", width: 40, wrap: true },
      { header: "Type", width: 18 },
      { header: "View", width: 11 },
      armColumn,
      ...counts.map((header) => ({ header, width: 12, numFmt: whole })),
      ...["Precision", "Recall", "F1"].map((header) => ({ header, width: 12, numFmt: score })),
    ],
    1,
  );
  for (const view of views)
    for (const { arm, rows } of arms)
      for (const { field, type, support, predicted, hits, wrong, missing, precision, recall, f1 } of rows[view] ?? [])
        table.write([field, type, view, arm, support, predicted, hits, wrong, missing, precision, recall, f1]);
  table.sheet.addConditionalFormatting({
    ref: `J${table.first}:L${Math.max(table.first, table.rows)}`,
    rules: [scale(1)],
  });
  table.sheet.commit();
}

/** Writes how often each value of a field with a list of values is predicted for each gold value. */
export function writeFieldConfusions(sheets: Sheets, arms: readonly WorkbookFields[]): void {
  const table = addTable(
    sheets,
    "Field confusions",
    [
      armColumn,
      { header: "Field", width: 32, wrap: true },
      { header: "Gold", width: 32 },
      { header: "Predicted", width: 32 },
      { header: "Values", width: 10, numFmt: whole },
    ],
    1,
  );
  for (const { arm, confusions } of arms)
    for (const { field, counts } of confusions)
      for (const { gold, predicted, count } of counts) table.write([arm, field, gold, predicted, count]);
  table.sheet.commit();
}

/** Writes why answers are not valid. */
export function writeSchemaErrors(sheets: Sheets, arms: readonly WorkbookFields[]): void {
  const table = addTable(
    sheets,
    "Invalid answers",
    [armColumn, { header: "First error", width: 80, wrap: true }, { header: "Answers", width: 12, numFmt: whole }],
    1,
  );
  for (const { arm, errors } of arms) for (const { error, count } of errors) table.write([arm, error, count]);
  table.sheet.commit();
}
