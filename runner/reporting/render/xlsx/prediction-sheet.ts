import { addTable } from "./sheet.ts";
import { openBook } from "./workbook.ts";

/** Writes a workbook with one sheet of texts and numbers. */
export async function writePredictionSheet(
  path: string,
  columns: readonly string[],
  rows: Iterable<readonly (string | number | undefined)[]>,
): Promise<void> {
  const { sheets, close } = openBook(path);
  const described = columns.map((header) => ({
    header,
    width: header === "answer" || header === "prediction" ? 40 : 18,
    ...(header === "confidence" ? { numFmt: "0.000" } : {}),
  }));
  const table = addTable(sheets, "Predictions", described, 1);
  for (const row of rows) table.write(row);
  table.sheet.commit();
  await close();
}
