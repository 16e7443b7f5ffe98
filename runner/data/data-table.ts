import type { SourceText, Span } from "../util/diagnostic.ts";

/** A cell: text, or a list of texts if a JSON record has one. */
export type Cell = string | readonly string[];

/** A data file as rows of cells, in the order of the file. */
export type DataTable = {
  /** Empty for a column without a name, which no setting can select. */
  readonly columns: readonly string[];
  /** As many cells as columns. */
  readonly rows: readonly (readonly Cell[])[];
  readonly source: SourceText;
  /** The span of the column names. */
  readonly header: Span;
  /** The span of a row, for errors. */
  span(row: number): Span;
  /** The name of a row in errors, if the table is made of several files: "row 3 of part-2.csv". */
  rowName?(row: number): string;
};

/** A data file: its name decides about the format. */
export type DataFile = {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly sheet?: string | undefined;
  /** The row of a sheet that has the column names, from 1. Absent: the first row with a value. */
  readonly headerRow?: number | undefined;
};
