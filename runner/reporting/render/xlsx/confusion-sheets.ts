import type { SingleLabel } from "../../../evaluation/labels/single-label.ts";
import { addTable, armColumn, type Column, font, restyle, type Sheets, whole } from "./sheet.ts";

/** With more labels than this, the confusion matrix has a row for each pair of labels. */
const mostColumns = 60;

/** Writes the confusion matrix of each arm: a row for each gold label, a column for each predicted label. */
export function writeConfusion(
  sheets: Sheets,
  arms: readonly { readonly name: string; readonly confusion?: SingleLabel["confusion"] | undefined }[],
): void {
  const all = arms.flatMap(({ confusion = [] }) => confusion);
  const gold = [...new Set(all.map((one) => one.gold))];
  const others = [...new Set(all.map((one) => one.predicted))].filter((label) => !gold.includes(label));
  const predicted = [...gold, ...others];
  if (predicted.length > mostColumns) {
    const table = addTable(
      sheets,
      "Confusion matrix",
      [
        armColumn,
        { header: "Gold", width: 32 },
        { header: "Predicted", width: 32 },
        { header: "Cases", width: 10, numFmt: whole },
      ],
      1,
    );
    for (const { name, confusion = [] } of arms)
      for (const pair of confusion) table.add([name, pair.gold, pair.predicted, pair.count]).commit();
    table.sheet.commit();
    return;
  }
  const columns: Column[] = [
    armColumn,
    { header: "Gold", width: 32, wrap: true },
    { header: "Cases", width: 10, numFmt: whole },
    ...predicted.map((label) => ({
      header: `Predicted: ${label}`,
      width: Math.min(40, label.length + 15),
      numFmt: whole,
    })),
  ];
  const table = addTable(sheets, "Confusion matrix", columns, 2);
  for (const { name, confusion = [] } of arms) {
    const counts = new Map(confusion.map((one) => [`${one.gold}\0${one.predicted}`, one.count]));
    for (const label of gold) {
      const values = predicted.map((one) => counts.get(`${label}\0${one}`) ?? 0);
      const total = values.reduce((sum, value) => sum + value, 0);
      const row = table.add([name, label, total, ...values]);
      restyle(row.getCell(4 + gold.indexOf(label)), { font: { ...font, bold: true } });
      row.commit();
    }
  }
  table.sheet.commit();
}

/** Pairs of one arm: cases that omit one label and add another. */
export type WorkbookConfusions = {
  readonly arm: string;
  readonly pairs: readonly { readonly omitted: string; readonly added: string; readonly count: number }[];
};

/** Writes the pairs of an omitted and an added label, most frequent first for each arm. */
export function writeConfusions(sheets: Sheets, confusions: readonly WorkbookConfusions[]): void {
  const table = addTable(
    sheets,
    "Confusions",
    [
      armColumn,
      { header: "Omitted label", width: 40, wrap: true },
      { header: "Added label", width: 40, wrap: true },
      { header: "Cases", width: 10, numFmt: whole },
    ],
    1,
  );
  for (const { arm, pairs } of confusions)
    for (const { omitted, added, count } of pairs) table.add([arm, omitted, added, count]).commit();
  table.sheet.commit();
}
