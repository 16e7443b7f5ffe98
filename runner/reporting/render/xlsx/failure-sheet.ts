import type { CauseCount, ErrorUnit } from "../../../evaluation/error-analysis/cause-counts.ts";
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
      /** The causes of the wrong labels, values or answer of the case; absent without rules. */
      readonly causes?: readonly string[];
    }[];
  }[];
  /** What the errors are, and their causes with counts; absent without rules. */
  readonly unit?: ErrorUnit;
  readonly causes?: readonly CauseCount[];
};

/** Writes one row per arm and category, followed by one row per example. */
export function writeFailures(sheets: Sheets, failures: readonly WorkbookFailures[], hasLabels: boolean): void {
  const hasCauses = failures.some(({ causes }) => causes !== undefined);
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
    ...(hasCauses ? [{ header: "Causes", width: 40, wrap: true }] : []),
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
        ...Array.from({ length: (hasLabels ? 5 : 3) + Number(hasCauses) }, () => undefined),
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
          ...(hasCauses ? [causes.join(labelSeparator)] : []),
        ];
        table.add([arm, name, undefined, undefined, ...shown, undefined]).commit();
      }
    }
  }
  table.sheet.commit();
}

/** Writes one row per arm and cause. */
export function writeCauses(sheets: Sheets, failures: readonly WorkbookFailures[]): void {
  const unit = failures.find((one) => one.unit !== undefined)?.unit ?? "label";
  const kinds = kindColumns[unit];
  const columns: Column[] = [
    armColumn,
    { header: "Cause", width: 24 },
    ...kinds.map(({ header }) => ({ header, width: 16, numFmt: whole })),
    { header: `Proportion of wrong ${unit}s`, width: 24, numFmt: score },
    ...boundColumns(score),
    { header: "Example case", width: 14, indent: 1 },
    ...(unit === "answer" ? [] : [{ header: unit === "label" ? "Label" : "Field", width: 28, wrap: true }]),
    ...(unit === "value"
      ? [
          { header: "Expected", width: 28, wrap: true },
          { header: "Answered", width: 28, wrap: true },
        ]
      : []),
    { header: "Sentence", width: 60, wrap: true },
    { header: "Definition", width: 70, wrap: true },
  ];
  const table = addTable(sheets, "Causes", columns, 2);
  for (const { arm, causes = [] } of failures) {
    for (const { name, definition, share, example, ...count } of causes) {
      const shown = [
        example?.id,
        ...(unit === "answer" ? [] : [example?.label]),
        ...(unit === "value" ? [example?.expected, example?.given] : []),
        example?.sentence ?? undefined,
      ];
      const counts = kinds.map(({ key }) => count[key] ?? 0);
      table.add([arm, name, ...counts, share?.value, share?.low, share?.high, ...shown, definition]).commit();
    }
  }
  table.sheet.commit();
}

/** The columns with the errors of each kind. */
const kindColumns: Readonly<
  Record<ErrorUnit, readonly { readonly key: "omitted" | "added" | "changed"; readonly header: string }[]>
> = {
  label: [
    { key: "omitted", header: "Omitted labels" },
    { key: "added", header: "Added labels" },
  ],
  value: [
    { key: "omitted", header: "Missing values" },
    { key: "added", header: "Additional values" },
    { key: "changed", header: "Other values" },
  ],
  answer: [{ key: "changed", header: "Wrong answers" }],
};
