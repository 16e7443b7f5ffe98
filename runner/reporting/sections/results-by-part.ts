import { integer, plural, score, withInterval } from "../../util/format.ts";
import { armNamingOf, primaryArm, shownArms, trainedArms } from "../report/display-names.ts";
import { about, type Block, heading, paragraph, type Span } from "../report/document.ts";
import { fieldConfusionTable, fieldTable } from "../report/field-tables.ts";
import { sizeText, viewText } from "../report/scored-cases.ts";
import type { RunFacts } from "../report/study.ts";

/** Fields whose confusions the report shows, and reasons that it lists; the workbook contains all. */
const mostConfusions = 4;
const mostReasons = 8;

/** Results by field of JSON objects; none for other tasks. */
export function resultsByField(run: RunFacts): readonly Block[] {
  const armName = armNamingOf(run);
  const own = run.arms.find(({ name }) => name === primaryArm(run));
  if (own?.fields === undefined) return [];
  const { rows, confusions, errors } = own.fields;
  const others = shownArms(run, mostRivals + 1)
    .filter((name) => name !== own.name)
    .flatMap((name) => {
      const fields = run.arms.find((arm) => arm.name === name)?.fields;
      return fields === undefined ? [] : [{ name: armName(name), rows: fields.rows }];
    });
  const wrong = confusions.filter(({ counts }) => counts.some(({ gold, predicted }) => gold !== predicted));
  const shown = wrong.slice(0, mostConfusions);
  return [
    heading(2, "Results by field"),
    paragraph(
      ...about("fields", "scores the fields of the schema."),
      ...shown.flatMap(({ field }, at) =>
        about(`field-confusion-${at + 1}`, `relates the values of the field ${field}.`),
      ),
      ...about("schema-errors", "lists the reasons why answers are not valid."),
    ),
    {
      type: "table",
      id: "fields",
      caption: `Fields of the schema for ${armName(own.name)}${sizeText(run)}: values of gold; those that the answers have right, wrong or not at all; and values that the answers add. A wrong value counts against precision and recall. Fields that the schema lacks are one row.`,
      ...fieldTable(rows, others),
    },
    ...shown.map(
      (confusion, at): Block => ({
        type: "table",
        id: `field-confusion-${at + 1}`,
        caption: `Values of the field ${confusion.field} for ${armName(own.name)}${sizeText(run)}. Rows are gold values, columns are predicted values.`,
        ...fieldConfusionTable(confusion),
      }),
    ),
    ...(errors.length === 0
      ? []
      : [
          {
            type: "table" as const,
            id: "schema-errors",
            caption: `Why answers of ${armName(own.name)} are not valid: the first error of each.`,
            head: ["error", "answers"],
            align: ["left" as const, "right" as const],
            rows: errors.slice(0, mostReasons).map(({ error, count }) => [error, integer(count)]),
          },
        ]),
  ];
}

/** Other arms whose F1 the table has room for. */
const mostRivals = 3;

/** Labels that the table lists; the workbook contains all. */
const mostLabels = 20;

/** Results by label of the primary arm and its rivals; none for tasks without labels. */
export function resultsByLabel(run: RunFacts): readonly Block[] {
  const armName = armNamingOf(run);
  const own = run.arms.find(({ name }) => name === primaryArm(run));
  const rows = (own?.labels ?? []).filter(({ support }) => support > 0);
  if (own === undefined || rows.length === 0) return [];
  const { view } = run.config.evaluate.primary;
  const listed = rows.slice(0, mostLabels);
  const f1 = (arm: string, label: string): number | null | undefined =>
    run.arms.find(({ name }) => name === arm)?.labels.find((row) => row.label === label)?.f1;
  // A column of zeros says no more than the table of all scores.
  const isShown = (arm: string): boolean => arm === own.name || listed.some(({ label }) => (f1(arm, label) ?? 0) > 0);
  const shown = shownArms(run, mostRivals + 1, isShown);
  const isComplete = run.arms.every(({ name }) => isShown(name));
  return [
    heading(2, "Results by label"),
    paragraph(
      ...about("labels", "scores single labels."),
      ...about("frequency", "relates the F1 of a label to its number of training rows."),
      ...frequencyText(run),
    ),
    {
      type: "table",
      id: "labels",
      caption:
        (rows.length <= mostLabels
          ? `All labels of the evaluated cases ${viewText(run, view)}.`
          : `The ${mostLabels} most frequent labels of the evaluated cases ${viewText(run, view)}; the workbook lists all ${rows.length}.`) +
        ` Precision and recall are those of ${armName(own.name)}.${isComplete ? "" : " An arm with an F1 of 0 for all of them has no column."}` +
        ` The 95 % intervals are those of each F1 alone (Clopper-Pearson); they are not corrected for the number of labels.`,
      head: ["label", "cases", "precision", "recall", ...shown.map((name) => `F1 ${armName(name)}`)],
      align: ["left", "right", "right", "right", ...shown.map(() => "right" as const)],
      rows: listed.map(({ label, support, precision, recall, f1: value, f1_low, f1_high }) => [
        label,
        integer(support),
        score(precision),
        score(recall),
        ...shown.map((name) =>
          name === own.name
            ? withInterval({ value, low: f1_low ?? undefined, high: f1_high ?? undefined })
            : score(f1(name, label)),
        ),
      ]),
    },
    ...(run.trainLabels.length === 0
      ? []
      : [
          {
            type: "figure" as const,
            id: "frequency",
            caption: `F1 per label against the number of training rows with the label (${view} view), for the trained models and the classical baseline. Each point is a label (n = ${plural(rows.length, "label")}); its size is the number of evaluated cases with the label.`,
            alt: "Scatter plot of F1 per label against training frequency",
          },
        ]),
  ];
}

/** F1 of the labels without a training row and of the most frequent ones, by arm of a trained model. */
function frequencyText(run: RunFacts): readonly Span[] {
  const arms = trainedArms(run).flatMap(({ arm }) => {
    const strata = (run.analysis?.arms[arm]?.strata.training_frequency ?? []).filter(({ support }) => support > 0);
    const [first, last] = [strata[0], strata.at(-1)];
    return first === undefined || last === undefined || strata.length < 2 ? [] : [{ arm, first, last }];
  });
  const [one] = arms;
  if (one === undefined) return [];
  const text = ({ f1, f1_low: low, f1_high: high }: typeof one.first) => withInterval({ value: f1, low, high });
  const scores = arms.map(
    ({ arm, first, last }) => `${text(first)} and ${text(last)} for the arm “${armNamingOf(run)(arm)}”`,
  );
  return [
    `The F1 over all labels with ${one.first.name} and with ${one.last.name} training rows is ${scores.join(", and ")}.`,
  ];
}
