import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import excel from "exceljs";
import type { View } from "../../../data/labels/views.ts";
import type { Comparison } from "../../../evaluation/statistics/comparison.ts";
import type { Metric } from "../../../plugins/metrics/metric.ts";
import { type WorkbookCaseRow, writeByCase } from "./by-case-sheet.ts";
import { type Measurement, type WorkbookCase, writeCases } from "./case-sheet.ts";
import { type WorkbookConfusions, writeConfusion, writeConfusions } from "./confusion-sheets.ts";
import { type WorkbookFailures, writeCauses, writeFailures } from "./failure-sheet.ts";
import { type WorkbookFields, writeFieldConfusions, writeFields, writeSchemaErrors } from "./field-sheets.ts";
import { writeReadMe } from "./read-me-sheet.ts";
import { type WorkbookAudit, type WorkbookRun, writeAudit, writeRuns } from "./run-and-audit-sheets.ts";
import { primaryFirst, type WorkbookArm, writeLabels, writeSummary } from "./score-sheets.ts";
import { addTable, type Column, type Sheets } from "./sheet.ts";
import { writeSignificance } from "./significance-sheet.ts";
import { type WorkbookSweep, writeSweep } from "./sweep-sheet.ts";
import { TextSanitizer } from "./text-sanitizer.ts";

/** The content of a workbook. `caseRows` and `cases` are iterated once. */
export type Workbook = {
  readonly arms: readonly WorkbookArm[];
  /** The metrics and views of the task, in the order in which the summary shows them. */
  readonly metrics: readonly Pick<Metric, "name" | "definition" | "higherIsBetter">[];
  readonly views: readonly View[];
  /** Each case once, with the answers of `arms` in their order. */
  readonly caseRows: Iterable<WorkbookCaseRow>;
  readonly cases: Iterable<WorkbookCase>;
  /** What some of the cases have of an engine's measurements. */
  readonly measured: ReadonlySet<Measurement>;
  /** The view of the case comparison: exact match, F1, missed and added labels. */
  readonly caseView: View;
  /** Whether targets and predictions are labels; default true. */
  readonly hasLabels?: boolean;
  /** Tests between arms; absent for one arm. */
  readonly comparison?: Comparison | undefined;
  readonly failures?: readonly WorkbookFailures[];
  /** Scores by field, for a task with JSON objects. */
  readonly fields?: readonly WorkbookFields[];
  /** Labels in place of others, for a task with several labels a case. */
  readonly confusions?: readonly WorkbookConfusions[];
  /** Model, training and primary score of each arm. */
  readonly runs?: readonly WorkbookRun[];
  readonly audit?: WorkbookAudit;
  readonly sweep?: WorkbookSweep;
  readonly primary?: { readonly metric: string; readonly view: View } | undefined;
  /** A notice above the header of every sheet: smoke runs, replayed predictions. */
  readonly warning?: string | undefined;
  readonly provenance: readonly (readonly [name: string, value: string | number])[];
};

/** Changes that the limits of Excel required. */
export type WorkbookNotes = {
  /** Texts truncated at 32,767 characters. */
  readonly truncated: number;
  /** Texts with replaced characters that XML does not allow. */
  readonly replaced: number;
};

/**
 * Writes the sheets Read me, Summary, By case, Significance, Runs, Sweep, Cases, Errors, Causes, Labels, Fields, Field confusions, Invalid answers, Confusion matrix, Confusions, Data
 * audit and Provenance. Sheets without content are omitted. The same input gives the same bytes. Text stays text ("=1+1" is not a
 * formula). Texts that Excel cannot contain are changed, and Provenance lists the number of changes.
 */
export async function writeWorkbook(path: string, content: Workbook): Promise<WorkbookNotes> {
  const {
    arms,
    views,
    primary,
    caseView,
    comparison,
    runs,
    sweep,
    failures,
    confusions = [],
    audit,
    fields = [],
    hasLabels = true,
  } = content;
  const { sheets, close } = openBook(path, content.warning);
  const names = arms.map(({ name }) => name);
  const hasCauses = failures?.some(({ causes }) => causes !== undefined) ?? false;
  const parts: readonly (readonly [name: string, write: (() => void | Promise<void>) | false | undefined])[] = [
    ["Summary", () => writeSummary(sheets, arms, content)],
    ["By case", () => writeByCase(sheets, content.caseRows, names, caseView)],
    ["Significance", comparison && (() => writeSignificance(sheets, comparison))],
    ["Runs", runs && (() => writeRuns(sheets, runs, primaryText(content)))],
    ["Sweep", sweep && (() => writeSweep(sheets, sweep))],
    [
      "Cases",
      () =>
        writeCases(sheets, content.cases, {
          view: caseView,
          hasLabels,
          hasCauses,
          measured: content.measured,
          metric: primary?.metric,
        }),
    ],
    ["Errors", failures && (() => writeFailures(sheets, failures, hasLabels))],
    ["Causes", hasCauses && (() => writeCauses(sheets, failures ?? []))],
    [
      "Labels",
      arms.every(({ labels }) => Object.keys(labels).length > 0) &&
        (() => writeLabels(sheets, arms, views, primary?.view)),
    ],
    ["Fields", fields.length > 0 && (() => writeFields(sheets, fields, primaryFirst(views, primary?.view)))],
    [
      "Field confusions",
      fields.some((one) => one.confusions.length > 0) && (() => writeFieldConfusions(sheets, fields)),
    ],
    ["Invalid answers", fields.some(({ errors }) => errors.length > 0) && (() => writeSchemaErrors(sheets, fields))],
    ["Confusion matrix", arms.some(({ confusion }) => confusion !== undefined) && (() => writeConfusion(sheets, arms))],
    ["Confusions", confusions.some(({ pairs }) => pairs.length > 0) && (() => writeConfusions(sheets, confusions))],
    ["Data audit", audit && (() => writeAudit(sheets, audit))],
    ["Provenance", () => writeProvenance(sheets, content.provenance)],
  ];
  const present = parts.flatMap(([name, write]) => (write ? [name] : []));
  writeReadMe(sheets, present, {
    views,
    primary: primary === undefined ? undefined : primaryText(content),
    hasLabels,
  });
  for (const [, write] of parts) if (write) await write();
  return close();
}

/** Writes one sheet per sweep, and Provenance. The same input gives the same bytes. */
export async function writeSweeps(
  path: string,
  sweeps: readonly WorkbookSweep[],
  content: Pick<Workbook, "warning" | "provenance">,
): Promise<WorkbookNotes> {
  const { sheets, close } = openBook(path, content.warning);
  for (const [at, sweep] of sweeps.entries()) writeSweep(sheets, sweep, at === 0 ? "Sweep" : `Sweep ${at + 1}`);
  writeProvenance(sheets, content.provenance);
  return close();
}

/** Opens a workbook at a new path, to which sheets are written in order; `close` completes the file. */
export function openBook(path: string, warning = ""): { readonly sheets: Sheets; close(): Promise<WorkbookNotes> } {
  const file = createWriteStream(path, { flags: "wx" });
  const done = finished(file);
  const book = new FixedDates({
    stream: file,
    useStyles: true,
    useSharedStrings: false,
    zip: { zlib: { level: 3 } },
  } as never);
  const text = new TextSanitizer();
  return {
    sheets: { book, text, warning },
    async close() {
      await Promise.all([book.commit(), done]);
      return { truncated: text.truncated, replaced: text.replaced };
    },
  };
}

function primaryText({ primary, caseView, metrics }: Workbook): string {
  return `${primary?.metric ?? metrics[0]?.name} (${primary?.view ?? caseView})`;
}

const epoch = new Date("1980-01-01T00:00:00Z");

/** The exceljs writer with a fixed date for the document and all entries of the archive. */
class FixedDates extends excel.stream.xlsx.WorkbookWriter {
  constructor(options: ConstructorParameters<typeof excel.stream.xlsx.WorkbookWriter>[0]) {
    super({ ...options, created: epoch, modified: epoch, creator: "exp", lastModifiedBy: "exp" } as typeof options);
  }

  /** The base class calls this method after it has created the archive and before it adds the first entry. */
  override addThemes(): Promise<void> {
    const { zip } = this as unknown as { zip: { append(source: unknown, entry: object): unknown } };
    const append = zip.append.bind(zip);
    zip.append = (source, entry) => append(source, { ...entry, date: epoch });
    return super.addThemes();
  }
}

function writeProvenance(sheets: Sheets, provenance: Workbook["provenance"]): void {
  const columns: Column[] = [
    { header: "Item", width: 46 },
    { header: "Value", width: 100 },
  ];
  const table = addTable(sheets, "Provenance", columns, 1);
  for (const [name, value] of provenance) table.add([name, value]);
  const { text } = sheets;
  if (text.truncated > 0) table.add(["Texts truncated at 32,767 characters (limit of Excel)", text.truncated]);
  if (text.replaced > 0) table.add(["Texts with replaced characters (not allowed by Excel)", text.replaced]);
  table.sheet.commit();
}
