import { addTable, between, type Column, font, restyle, type Sheets, score, whole } from "./sheet.ts";

/** How one arm is wrong: each category with its cases, and examples with the sentence that speaks of the label. */
export type WorkbookFailures = {
  readonly arm: string;
  /** Wrong cases. */
  readonly wrong: number;
  readonly categories: readonly {
    readonly name: string;
    readonly definition: string;
    readonly cases: number;
    readonly examples: readonly {
      readonly id: string;
      readonly label: string | null;
      readonly sentence: string | null;
      readonly gold: readonly string[];
      readonly given: readonly string[];
    }[];
  }[];
};

/** One row a category of an arm, and one for each of its examples. */
export function writeFailures(sheets: Sheets, failures: readonly WorkbookFailures[]): void {
  const columns: Column[] = [
    { header: "Arm", width: 16 },
    { header: "Category", width: 24 },
    { header: "Cases", width: 10, numFmt: whole },
    { header: "Share of wrong cases", width: 20, numFmt: score },
    { header: "Example", width: 14, indent: 1 },
    { header: "Label", width: 28, wrap: true },
    { header: "Sentence", width: 60, wrap: true },
    { header: "Gold", width: 32, wrap: true },
    { header: "Labels read", width: 32, wrap: true },
    { header: "Definition", width: 70 },
  ];
  const table = addTable(sheets, "Failures", columns, 2);
  for (const { arm, wrong, categories } of failures) {
    for (const { name, cases, definition, examples } of categories) {
      const share = wrong === 0 ? 0 : cases / wrong;
      const row = table.add([
        arm,
        name,
        cases,
        share,
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        definition,
      ]);
      restyle(row.getCell(2), { font: { ...font, bold: true } });
      row.commit();
      for (const { id, label, sentence, gold, given } of examples) {
        const shown = [id, label ?? undefined, sentence ?? undefined, gold.join(between), given.join(between)];
        table.add([arm, name, undefined, undefined, ...shown, undefined]).commit();
      }
    }
  }
  table.sheet.commit();
}
