import { UserError } from "../../util/user-error.ts";

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

export const brokenWorkbook = (): UserError =>
  new UserError("broken-file", "this is no Excel workbook (.xlsx)", {
    help: "open it and save it as .xlsx, or export it as .csv",
  });

export const workbookTooLarge = (what: string): UserError =>
  new UserError("workbook-too-large", `the workbook has ${what}`, {
    help: "remove what is no data, or export it as .csv",
  });
