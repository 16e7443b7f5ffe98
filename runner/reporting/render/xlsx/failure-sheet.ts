import type { CauseCount } from "../../../evaluation/error-analysis/causes.ts";
import {
  addTable,
  armColumn,
  boundColumns,
  type Column,
  font,
  labelSeparator,
  restyle,
  type Sheets,
  score,
  whole,
} from "./sheet.ts";

/** The error analysis of one arm: categories with counts, and examples with the related sentence of the input. */
export type WorkbookFailures = {
  readonly arm: string;
  /** Erroneous predictions. */
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
      /** The causes of the wrong labels of the case; absent for a task without labels. */
      readonly causes?: readonly string[];
    }[];
  }[];
  /** The causes of wrong labels with counts; absent for a task without labels. */
  readonly causes?: readonly CauseCount[];
};

/** Writes one row per arm and category, followed by one row per example. */
export function writeFailures(sheets: Sheets, failures: readonly WorkbookFailures[], hasLabels: boolean): void {
  const columns: Column[] = [
    armColumn,
    { header: "Category", width: 24 },
    { header: "Cases", width: 10, numFmt: whole },
    { header: "Proportion of errors", width: 20, numFmt: score },
    { header: "Example case", width: 14, indent: 1 },
    ...(hasLabels
      ? [
          { header: "Label", width: 28, wrap: true },
          { header: "Sentence", width: 60, wrap: true },
        ]
      : []),
    { header: "Gold", width: 32, wrap: true },
    { header: hasLabels ? "Predicted labels" : "Prediction", width: 32, wrap: true },
    ...(hasLabels ? [{ header: "Causes", width: 40, wrap: true }] : []),
    { header: "Definition", width: 70, wrap: true },
  ];
  const table = addTable(sheets, "Errors", columns, 2);
  for (const { arm, wrong, categories } of failures) {
    for (const { name, cases, definition, examples } of categories) {
      const share = wrong === 0 ? 0 : cases / wrong;
      const row = table.add([
        arm,
        name,
        cases,
        share,
        ...Array.from({ length: hasLabels ? 6 : 3 }, () => undefined),
        definition,
      ]);
      restyle(row.getCell(2), { font: { ...font, bold: true } });
      row.commit();
      for (const { id, label, sentence, gold, given, causes = [] } of examples) {
        const shown = [
          id,
          ...(hasLabels ? [label ?? undefined, sentence ?? undefined] : []),
          gold.join(labelSeparator),
          given.join(labelSeparator),
          ...(hasLabels ? [causes.join(labelSeparator)] : []),
        ];
        table.add([arm, name, undefined, undefined, ...shown, undefined]).commit();
      }
    }
  }
  table.sheet.commit();
}

/** Writes one row per arm and cause of wrong labels. */
export function writeCauses(sheets: Sheets, failures: readonly WorkbookFailures[]): void {
  const columns: Column[] = [
    armColumn,
    { header: "Cause", width: 24 },
    { header: "Omitted labels", width: 16, numFmt: whole },
    { header: "Added labels", width: 16, numFmt: whole },
    { header: "Proportion of wrong labels", width: 24, numFmt: score },
    ...boundColumns(score),
    { header: "Example case", width: 14, indent: 1 },
    { header: "Label", width: 28, wrap: true },
    { header: "Sentence", width: 60, wrap: true },
    { header: "Definition", width: 70, wrap: true },
  ];
  const table = addTable(sheets, "Causes", columns, 2);
  for (const { arm, causes = [] } of failures) {
    for (const { name, definition, omitted, added, share, example } of causes) {
      const shown = [example?.id, example?.label, example?.sentence ?? undefined];
      table.add([arm, name, omitted, added, share?.value, share?.low, share?.high, ...shown, definition]).commit();
    }
  }
  table.sheet.commit();
}
