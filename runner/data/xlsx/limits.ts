/** Limits of a workbook. They bound time and memory, whatever the compressed file claims. */
export const workbookLimits = {
  /** Unpacked bytes of all parts that are read. */
  bytes: 500_000_000,
  /** Cells with a value, and cells of the resulting table. */
  cells: 10_000_000,
  /** XML elements of a part. A cell has two or more. */
  elements: 25_000_000,
  /** Characters without an element. A cell of Excel has at most 32,767. */
  text: 4_000_000,
  /** Characters of all cells. A shared string counts once for each cell that shows it. */
  characters: 400_000_000,
  /** Cells of all merged ranges. */
  merged: 5_000_000,
} as const;

/** A workbook that cannot be read. `code` is a code of errors in data files. */
export class WorkbookError extends Error {
  readonly code: "broken-file" | "sheet" | "workbook-too-large";
  readonly help: string;

  constructor(code: WorkbookError["code"], message: string, help: string) {
    super(message);
    this.code = code;
    this.help = help;
  }
}

export const brokenWorkbook = (): WorkbookError =>
  new WorkbookError(
    "broken-file",
    "this is no Excel workbook (.xlsx)",
    "open it and save it as .xlsx, or export it as .csv",
  );

export const workbookTooLarge = (what: string): WorkbookError =>
  new WorkbookError("workbook-too-large", `the workbook has ${what}`, "remove what is no data, or export it as .csv");
