import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import excel from "exceljs";
import type { View } from "../../../data/labels/views.ts";
import { type MetricName, metricNames } from "../../../evaluation/metrics/metrics.ts";
import { type WorkbookCase, writeCases } from "./case-sheet.ts";
import { type WorkbookFailures, writeFailures } from "./failure-sheet.ts";
import { type WorkbookAudit, type WorkbookRun, writeAudit, writeRuns } from "./run-and-audit-sheets.ts";
import { type WorkbookArm, writeLabels, writeSummary } from "./score-sheets.ts";
import { addTable, type Column, type Sheets } from "./sheet.ts";
import { type WorkbookSweep, writeSweep } from "./sweep-sheet.ts";
import { CellText } from "./text-sanitizer.ts";

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

/**
 * Writes sheets Summary, Runs, Sweep, Cases, Failures, Labels, Data audit and Provenance, row by row; those whose content is absent are left out. The same input gives the same bytes.
 * Every text stays text ("=1+1" is no formula). What Excel cannot hold is changed, counted, and told in Provenance.
 */
export async function writeWorkbook(path: string, content: Workbook): Promise<WorkbookNotes> {
  const { sheets, close } = openBook(path, content.warning);
  writeSummary(sheets, content.arms, content.primary);
  if (content.runs !== undefined) writeRuns(sheets, content.runs, primaryWords(content));
  if (content.sweep !== undefined) writeSweep(sheets, content.sweep);
  await writeCases(sheets, content.cases, content.caseView);
  if (content.failures !== undefined) writeFailures(sheets, content.failures);
  writeLabels(sheets, content.arms);
  if (content.audit !== undefined) writeAudit(sheets, content.audit);
  writeProvenance(sheets, content.provenance);
  return close();
}

/** Writes the tables of sweeps alone, each on a sheet of its own, and Provenance. The same input gives the same bytes. */
export async function writeSweeps(
  path: string,
  sweeps: readonly WorkbookSweep[],
  given: Pick<Workbook, "warning" | "provenance">,
): Promise<WorkbookNotes> {
  const { sheets, close } = openBook(path, given.warning);
  for (const [at, sweep] of sweeps.entries()) writeSweep(sheets, sweep, at === 0 ? "Sweep" : `Sweep ${at + 1}`);
  writeProvenance(sheets, given.provenance);
  return close();
}

/** A workbook to be filled sheet by sheet; `close` ends it. */
function openBook(path: string, warning = ""): { readonly sheets: Sheets; close(): Promise<WorkbookNotes> } {
  const file = createWriteStream(path);
  const done = finished(file);
  const book = new FixedDates({
    stream: file,
    useStyles: true,
    useSharedStrings: false,
    zip: { zlib: { level: 3 } },
  } as never);
  const text = new CellText();
  return {
    sheets: { book, text, warning },
    async close() {
      await Promise.all([book.commit(), done]);
      return { cut: text.cut, replaced: text.replaced };
    },
  };
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
