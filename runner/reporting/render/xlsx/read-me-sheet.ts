import { addTable, font, restyle, type Sheets } from "./sheet.ts";

/** A line of the sheet *Read me*: a sheet or a term, and what it means. */
type Line = readonly [name: string, text: string];

const sheetTexts: readonly Line[] = [
  ["Summary", "Every metric of every arm with its 95 % confidence interval, the primary metric and its view first."],
  ["By case", "One row per case: text, gold, and the prediction and verdict of each arm side by side."],
  [
    "Significance",
    "Differences between arms on the same cases, with intervals and p values. Planned tests come first, differences of gains last.",
  ],
  ["Runs", "Model, training, source of predictions and primary score of each arm."],
  ["Sweep", "The settings of the sweep with their scores on the rows of the selection."],
  ["Cases", "The long form for filters and pivot tables: one row per case and arm."],
  ["Errors", "Error categories of each arm with counts, and examples with the related sentence."],
  ["Causes", "Causes of the errors of each arm, with shares and an example. An error can have several."],
  ["Labels", "Scores of each label in each view, the primary view first."],
  ["Fields", "Scores of each field of the schema in each view, the primary view first."],
  [
    "Field confusions",
    "Values of fields that have a list of values: how often each one is predicted for each in gold.",
  ],
  ["Invalid answers", "Why answers do not meet the schema: the first error of each answer, with counts."],
  ["Confusion matrix", "Number of cases by gold label and predicted label."],
  ["Confusions", "Pairs of labels in one case: the first is omitted, the second is added in its place."],
  ["Data audit", "Findings about the data, and statistics of each split."],
  ["Provenance", "Version of exp, resolved configuration, and digests of the source files."],
];

const terms: readonly Line[] = [
  ["arm", "One source of predictions: a model with a prompt, a fine-tuned model, or a classical baseline."],
  ["gold", "The correct answer according to the data set."],
  ["not parsed", "No answer could be read from the generated text."],
  ["95 % CI", "95 % confidence interval over the cases. Empty cells: the interval is undefined for these cases."],
  [
    "p (Holm)",
    "The p value of a planned test, adjusted for the number of planned tests. Other p values are not adjusted.",
  ],
  ["detectable difference", "The smallest true difference that these cases show with a power of 80 %."],
  [
    "row height",
    "Excel limits a row to 409 points. The cell has the whole text where the row does not show all of it.",
  ],
];

/** Terms of a task with labels, and of any other task. */
const labelTerms: readonly Line[] = [
  ["exact match, correct", "The prediction equals gold. The order of labels does not count."],
  ["partly correct", "The prediction shares at least one label with gold and differs from it."],
  ["wrong", "The prediction shares nothing with gold."],
  ["missed or omitted label", "A gold label that the prediction lacks."],
  ["added label", "A predicted label that gold lacks."],
  ["F1", "Harmonic mean of precision and recall."],
  ["support", "Number of cases whose gold has the label."],
];
const otherTerms: readonly Line[] = [
  ["exact match, correct", "The prediction equals gold in the view."],
  ["different", "The prediction differs from gold. The primary metric of the case says how much."],
];

/** What a view of labels is, by name. */
const viewTexts: Readonly<Record<string, string>> = {
  raw: "Labels as written.",
  basic: "Labels in one Unicode form, without differences of case, of inner spaces and of trailing punctuation.",
  canonical: "Basic view with synonyms replaced by one canonical label.",
};

/** What a view of any other prediction is, by name. */
const otherViewTexts: Readonly<Record<string, string>> = {
  raw: "Targets and predictions as written.",
  basic: "One Unicode form, without differences of case, of inner spaces and of trailing punctuation.",
};

/** Writes what each of `names` (sheets of this workbook) holds, and the terms. */
export function writeReadMe(
  sheets: Sheets,
  names: readonly string[],
  {
    views,
    primary,
    hasLabels,
  }: { readonly views: readonly string[]; readonly primary: string | undefined; readonly hasLabels: boolean },
): void {
  const table = addTable(
    sheets,
    "Read me",
    [
      { header: "Kind", width: 14 },
      { header: "Name", width: 30 },
      { header: "Meaning", width: 110, wrap: true },
    ],
    0,
  );
  const add = (kind: string, [name, text]: Line): void => {
    const row = table.add([kind, name, text]);
    restyle(row.getCell(2), { font: { ...font, bold: true } });
    row.commit();
  };
  if (primary !== undefined) add("result", ["primary metric", primary]);
  for (const line of sheetTexts) if (names.includes(line[0])) add("sheet", line);
  for (const view of views) {
    const text = (hasLabels ? viewTexts : otherViewTexts)[view];
    if (text !== undefined) add("view", [`${view} view`, text]);
  }
  const [arm, gold, ...others] = terms as readonly [Line, Line, ...Line[]];
  for (const line of [arm, gold, ...(hasLabels ? labelTerms : otherTerms), ...others]) add("term", line);
  table.sheet.commit();
}
