import type { View } from "../../../data/labels/views.ts";
import type { LabelRow } from "../../../evaluation/labels/detail.ts";
import type { Scores } from "../../../evaluation/labels/score.ts";
import type { SingleLabel } from "../../../evaluation/labels/single-label.ts";
import type { Metric } from "../../../plugins/metrics/metric.ts";
import { boundsOf, type MaybeBounds } from "../../../util/bounds.ts";
import {
  addTable,
  armColumn,
  boundColumns,
  type Column,
  colours,
  font,
  restyle,
  type Sheets,
  scale,
  score,
  solid,
  whole,
} from "./sheet.ts";

/** What the summary shows of a metric. */
type ShownMetric = Pick<Metric, "name" | "definition" | "higherIsBetter">;

/** The scores of one arm: zero-shot model, fine-tuned model or baseline. */
export type WorkbookArm = {
  readonly name: string;
  readonly views: Readonly<Record<View, Scores>>;
  /** 95 % confidence intervals by view and metric. */
  readonly intervals?: Readonly<Record<View, Readonly<Record<string, MaybeBounds>>>>;
  /** For a task with one label a case: the confusion matrix in the primary view. */
  readonly confusion?: SingleLabel["confusion"] | undefined;
  /** Scores of each label, for a task with labels. */
  readonly labels: Readonly<Partial<Record<View, readonly LabelRow[]>>>;
  /** Further statistics: cases, parse failures, out-of-set rate, truncated responses. */
  readonly facts: readonly { readonly name: string; readonly definition: string; readonly value: number }[];
};

/** Writes all metrics of all arms in each label view, the primary metric first. */
export function writeSummary(
  sheets: Sheets,
  arms: readonly WorkbookArm[],
  {
    metrics,
    views,
    primary,
  }: {
    readonly metrics: readonly ShownMetric[];
    readonly views: readonly View[];
    readonly primary?: { readonly metric: string; readonly view: View } | undefined;
  },
): void {
  const measured = arms.filter(({ intervals }) => intervals !== undefined);
  const columns: Column[] = [
    { header: "Metric", width: 22 },
    { header: "View", width: 11 },
    ...arms.map(({ name }) => ({ header: name, width: Math.max(12, name.length + 4), numFmt: score })),
    ...measured.flatMap(({ name }) => boundColumns(score, `${name}: `)),
    { header: "Definition", width: 95, wrap: true, indent: 1 },
  ];
  const table = addTable(sheets, "Summary", columns, 2);
  const isPrimary = (metric: string, view: View) => metric === primary?.metric && view === primary.view;
  const lines = primaryFirst(views, primary?.view).flatMap((view) => metrics.map((metric) => ({ metric, view })));
  lines.sort((a, b) => Number(isPrimary(b.metric.name, b.view)) - Number(isPrimary(a.metric.name, a.view)));
  for (const { metric: shown, view } of lines) {
    const { name: metric, definition, higherIsBetter } = shown;
    const values = arms.map((arm) => arm.views[view][metric] ?? undefined);
    const first = isPrimary(metric, view);
    const ranges = measured.flatMap(({ intervals }) => {
      const bounds = boundsOf(intervals?.[view][metric]);
      return [bounds?.low, bounds?.high];
    });
    const row = table.add([metric, view, ...values, ...ranges, first ? `Primary metric. ${definition}` : definition]);
    const known = values.filter((value) => value !== undefined);
    const best = higherIsBetter === null ? undefined : higherIsBetter ? Math.max(...known) : Math.min(...known);
    values.forEach((value, at) => {
      if (value !== undefined && value === best && arms.length > 1)
        restyle(row.getCell(at + 3), { fill: solid(colours.best), font: { ...font, bold: true } });
    });
    if (first) restyle(row.getCell(1), { font: { ...font, bold: true } });
    row.commit();
  }
  for (const { name, definition } of distinctFacts(arms)) {
    const values = arms.map((arm) => arm.facts.find((fact) => fact.name === name)?.value);
    const row = table.add([name, "", ...values, ...measured.flatMap(() => [undefined, undefined]), definition]);
    values.forEach((value, at) => {
      if (Number.isInteger(value)) restyle(row.getCell(at + 3), { numFmt: whole });
    });
    row.commit();
  }
  table.sheet.commit();
}

/** The views with the primary one first. */
export function primaryFirst(views: readonly View[], primary: View | undefined): readonly View[] {
  return [...views].sort((a, b) => Number(b === primary) - Number(a === primary));
}

function distinctFacts(arms: readonly WorkbookArm[]) {
  return new Map(arms.flatMap(({ facts }) => facts).map((fact) => [fact.name, fact])).values();
}

/** Writes the scores per label of all arms in each label view, the primary view first. */
export function writeLabels(
  sheets: Sheets,
  arms: readonly WorkbookArm[],
  views: readonly View[],
  primary: View | undefined,
): void {
  const columns: Column[] = [
    { header: "Label", width: 40 },
    { header: "View", width: 11 },
    armColumn,
    { header: "Support", width: 11, numFmt: whole },
    { header: "Predicted", width: 12, numFmt: whole },
    { header: "True positives", width: 16, numFmt: whole },
    { header: "Precision", width: 12, numFmt: score },
    { header: "Recall", width: 11, numFmt: score },
    { header: "F1", width: 9, numFmt: score },
    ...boundColumns(score, "F1 "),
  ];
  const table = addTable(sheets, "Labels", columns, 1);
  for (const view of primaryFirst(views, primary)) {
    for (const arm of arms) {
      for (const { label, support, predicted, tp, precision, recall, f1, f1_low, f1_high } of arm.labels[view] ?? [])
        table.write([
          ...[label, view, arm.name, support, predicted, tp, precision, recall, f1],
          ...[f1_low ?? undefined, f1_high ?? undefined],
        ]);
    }
  }
  table.sheet.addConditionalFormatting({
    ref: `G${table.first}:I${Math.max(table.first, table.rows)}`,
    rules: [scale(1)],
  });
  table.sheet.commit();
}
