import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import excel from "exceljs";
import { type View, views } from "../labels/views.ts";
import type { LabelRow } from "../metrics/detail.ts";
import { type MetricName, metricNames, metrics, type Scores } from "../metrics/metrics.ts";
import { CellText } from "./cell-text.ts";
import {
  addTable,
  type Column,
  colours,
  font,
  restyle,
  type Sheets,
  scale,
  score,
  solid,
  type Table,
  whole,
} from "./sheet.ts";
import { type WorkbookAudit, type WorkbookRun, writeAudit, writeRuns } from "./study-sheets.ts";
import { type WorkbookSweep, writeSweep } from "./sweep-sheet.ts";

/** One arm of a study: zero-shot, a baseline, or the tuned model. */
export type WorkbookArm = {
  readonly name: string;
  readonly views: Readonly<Record<View, Scores>>;
  /** 95 % intervals of the metrics that have one. */
  readonly intervals?: Readonly<
    Record<View, Readonly<Record<string, { readonly low: number; readonly high: number }>>>
  >;
  readonly labels: Readonly<Record<View, readonly LabelRow[]>>;
  /** Further numbers about the arm: cases, parse failures, out-of-set rate, truncated answers. */
  readonly facts: readonly { readonly name: string; readonly definition: string; readonly value: number }[];
};

/** One case as one arm answered it. */
export type WorkbookCase = {
  readonly id: string;
  readonly arm: string;
  readonly input: string;
  readonly gold: readonly string[];
  /** The answer as generated; absent for a classical baseline. */
  readonly text?: string | undefined;
  readonly labels: readonly string[];
  readonly parsed: boolean;
  readonly notes: readonly string[];
  readonly exact: boolean;
  readonly f1: number;
  readonly omissions: readonly string[];
  readonly additions: readonly string[];
  readonly finish?: string | undefined;
  readonly prompt_tokens?: number | undefined;
  readonly new_tokens?: number | undefined;
  /** In which ways it is wrong; none where it is right, or was not analysed. */
  readonly categories?: readonly string[];
};

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

/** All that a workbook shows. `cases` is read once, row by row. */
export type Workbook = {
  readonly arms: readonly WorkbookArm[];
  readonly cases: Iterable<WorkbookCase>;
  /** The view in which cases are compared: exact, F1, omissions, additions. */
  readonly caseView: View;
  readonly failures?: readonly WorkbookFailures[];
  /** What answered in each arm, and how it was trained. */
  readonly runs?: readonly WorkbookRun[];
  readonly audit?: WorkbookAudit;
  readonly sweep?: WorkbookSweep;
  readonly primary?: { readonly metric: MetricName; readonly view: View } | undefined;
  /** Said above the header of every sheet, where the numbers are not what they seem. */
  readonly warning?: string | undefined;
  readonly provenance: readonly (readonly [name: string, value: string | number])[];
};

/** What had to be changed so that Excel takes it. */
export type WorkbookNotes = {
  /** Texts cut at Excel's 32,767 characters. */
  readonly cut: number;
  /** Texts in which characters that XML cannot hold were replaced. */
  readonly replaced: number;
};

/** Rows of a sheet in Excel, header included. */
const sheetRows = 1_048_576;
/** Labels in one cell are joined by this, so that a comma within a label does no harm. */
const between = "; ";
/**
 * Writes sheets Summary, Runs, Sweep, Cases, Failures, Labels, Data audit and Provenance, row by row; those whose content is absent are left out. The same input gives the same bytes.
 * Every text stays text ("=1+1" is no formula). What Excel cannot hold is changed, counted, and told in Provenance.
 */
export async function writeWorkbook(path: string, content: Workbook): Promise<WorkbookNotes> {
  const file = createWriteStream(path);
  const done = finished(file);
  const book = new FixedDates({
    stream: file,
    useStyles: true,
    useSharedStrings: false,
    zip: { zlib: { level: 3 } },
  } as never);
  const text = new CellText();
  const sheets: Sheets = { book, text, warning: content.warning ?? "" };
  writeSummary(sheets, content);
  if (content.runs !== undefined) writeRuns(sheets, content.runs, primaryWords(content));
  if (content.sweep !== undefined) writeSweep(sheets, content.sweep);
  await writeCases(sheets, content);
  if (content.failures !== undefined) writeFailures(sheets, content.failures);
  writeLabels(sheets, content.arms);
  if (content.audit !== undefined) writeAudit(sheets, content.audit);
  writeProvenance(sheets, content.provenance);
  await Promise.all([book.commit(), done]);
  return { cut: text.cut, replaced: text.replaced };
}

function primaryWords({ primary, caseView }: Workbook): string {
  return `${primary?.metric ?? metricNames[0]} (${primary?.view ?? caseView})`;
}

const epoch = new Date("1980-01-01T00:00:00Z");

/** exceljs's writer with one date for the document and for every entry of the archive. */
class FixedDates extends excel.stream.xlsx.WorkbookWriter {
  constructor(options: ConstructorParameters<typeof excel.stream.xlsx.WorkbookWriter>[0]) {
    super({ ...options, created: epoch, modified: epoch, creator: "exp", lastModifiedBy: "exp" } as typeof options);
  }

  /** The base class's first act once its archive exists, and the last moment before it adds an entry. */
  override addThemes(): Promise<void> {
    const { zip } = this as unknown as { zip: { append(source: unknown, entry: object): unknown } };
    const append = zip.append.bind(zip);
    zip.append = (source, entry) => append(source, { ...entry, date: epoch });
    return super.addThemes();
  }
}

function writeSummary(sheets: Sheets, { arms, primary }: Workbook): void {
  const measured = arms.filter(({ intervals }) => intervals !== undefined);
  const columns: Column[] = [
    { header: "Metric", width: 22 },
    { header: "View", width: 11 },
    ...arms.map(({ name }) => ({ header: name, width: Math.max(12, name.length + 4), numFmt: score })),
    ...measured.map(({ name }) => ({ header: `95 % ${name}`, width: Math.max(18, name.length + 9) })),
    { header: "Definition", width: 95, indent: 1 },
  ];
  const table = addTable(sheets, "Summary", columns, 2);
  const isPrimary = (metric: string, view: View) => metric === primary?.metric && view === primary.view;
  const lines = views.flatMap((view) => metricNames.map((metric) => ({ metric, view })));
  lines.sort((a, b) => Number(isPrimary(b.metric, b.view)) - Number(isPrimary(a.metric, a.view)));
  for (const { metric, view } of lines) {
    const values = arms.map((arm) => arm.views[view][metric]);
    const { definition } = metrics[metric];
    const first = isPrimary(metric, view);
    const ranges = measured.map(({ intervals }) => rangeOf(intervals?.[view][metric]));
    const row = table.add([metric, view, ...values, ...ranges, first ? `Primary metric. ${definition}` : definition]);
    const best = metric === "hamming_loss" ? Math.min(...values) : Math.max(...values);
    values.forEach((value, at) => {
      if (value === best && arms.length > 1)
        restyle(row.getCell(at + 3), { fill: solid(colours.best), font: { ...font, bold: true } });
    });
    if (first) restyle(row.getCell(1), { font: { ...font, bold: true } });
    row.commit();
  }
  for (const { name, definition } of distinctFacts(arms)) {
    const values = arms.map((arm) => arm.facts.find((fact) => fact.name === name)?.value);
    const row = table.add([name, "", ...values, ...measured.map(() => undefined), definition]);
    values.forEach((value, at) => {
      if (Number.isInteger(value)) restyle(row.getCell(at + 3), { numFmt: whole });
    });
    row.commit();
  }
  table.sheet.commit();
}

function rangeOf(ends: { readonly low: number; readonly high: number } | undefined): string | undefined {
  return ends && `${ends.low.toFixed(3)} to ${ends.high.toFixed(3)}`;
}

function distinctFacts(arms: readonly WorkbookArm[]) {
  return new Map(arms.flatMap(({ facts }) => facts).map((fact) => [fact.name, fact])).values();
}

async function writeCases(sheets: Sheets, content: Workbook): Promise<void> {
  const view = content.caseView;
  const columns: Column[] = [
    { header: "ID", width: 14 },
    { header: "Arm", width: 14 },
    { header: "Input", width: 60, wrap: true },
    { header: "Gold", width: 32, wrap: true },
    { header: "Answer", width: 40, wrap: true },
    { header: "Labels read", width: 32, wrap: true },
    { header: `Exact (${view})`, width: 16 },
    { header: `F1 (${view})`, width: 14, numFmt: score },
    { header: "Omissions", width: 28, wrap: true, indent: 1 },
    { header: "Additions", width: 28, wrap: true },
    { header: "Reading", width: 16 },
    { header: "Finish", width: 10 },
    { header: "Prompt tokens", width: 15, numFmt: whole },
    { header: "New tokens", width: 13, numFmt: whole },
    { header: "Failure categories", width: 40, wrap: true, indent: 1 },
  ];
  let parts = 1;
  let table = addTable(sheets, "Cases", columns, 2);
  for (const one of content.cases) {
    if (table.rows === sheetRows) {
      closeCases(table);
      table = addTable(sheets, `Cases ${++parts}`, columns, 2);
    }
    const row = table.add([
      one.id,
      one.arm,
      one.input,
      one.gold.join(between),
      one.text,
      one.labels.join(between),
      one.exact ? "yes" : "no",
      one.f1,
      one.omissions.join(between),
      one.additions.join(between),
      [...(one.parsed ? [] : ["not read"]), ...one.notes].join(", "),
      one.finish,
      one.prompt_tokens,
      one.new_tokens,
      one.categories?.join(between),
    ]);
    row.height = 60;
    row.commit();
    // The archive is written between turns of the event loop; without a pause every row would wait in memory.
    if (table.rows % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  closeCases(table);
}

function closeCases({ sheet, first, rows }: Table): void {
  const last = Math.max(first, rows);
  const exact = (value: "yes" | "no", argb: string, priority: number): excel.ConditionalFormattingRule => ({
    type: "cellIs",
    operator: "equal",
    formulae: [`"${value}"`],
    priority,
    style: { font: { color: { argb } } },
  });
  sheet.addConditionalFormatting({
    ref: `G${first}:G${last}`,
    rules: [exact("yes", colours.rightText, 1), exact("no", colours.wrongText, 2)],
  });
  sheet.addConditionalFormatting({ ref: `H${first}:H${last}`, rules: [scale(3)] });
  sheet.commit();
}

/** One row a category of an arm, and one for each of its examples. */
function writeFailures(sheets: Sheets, failures: readonly WorkbookFailures[]): void {
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

function writeLabels(sheets: Sheets, arms: readonly WorkbookArm[]): void {
  const columns: Column[] = [
    { header: "Label", width: 40 },
    { header: "View", width: 11 },
    { header: "Arm", width: 16 },
    { header: "Support", width: 11, numFmt: whole },
    { header: "Predicted", width: 12, numFmt: whole },
    { header: "True positives", width: 16, numFmt: whole },
    { header: "Precision", width: 12, numFmt: score },
    { header: "Recall", width: 11, numFmt: score },
    { header: "F1", width: 9, numFmt: score },
  ];
  const table = addTable(sheets, "Labels", columns, 1);
  for (const view of views) {
    for (const arm of arms) {
      for (const { label, support, predicted, tp, precision, recall, f1 } of arm.labels[view])
        table.add([label, view, arm.name, support, predicted, tp, precision, recall, f1]).commit();
    }
  }
  table.sheet.addConditionalFormatting({
    ref: `G${table.first}:I${Math.max(table.first, table.rows)}`,
    rules: [scale(1)],
  });
  table.sheet.commit();
}

function writeProvenance(sheets: Sheets, provenance: Workbook["provenance"]): void {
  const columns: Column[] = [
    { header: "What", width: 46 },
    { header: "Value", width: 100 },
  ];
  const table = addTable(sheets, "Provenance", columns, 1);
  for (const [name, value] of provenance) table.add([name, value]);
  const { text } = sheets;
  if (text.cut > 0) table.add(["Texts cut at Excel's 32,767 characters a cell", text.cut]);
  if (text.replaced > 0) table.add(["Texts with characters replaced that Excel cannot hold", text.replaced]);
  table.sheet.commit();
}
