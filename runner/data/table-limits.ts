/** Limits of a table of any format. They bound time and memory, whatever a compressed file claims. */
export const tableLimits = {
  /** Bytes of an unpacked file. */
  bytes: 500_000_000,
  /** Cells: rows times columns. */
  cells: 10_000_000,
  /** No format of a data set has more, and the work on a table grows with rows times columns. */
  columns: 16_384,
  /** Characters of one cell. A prompt has at most four million. */
  cell: 8_000_000,
  /** Characters of all cells. */
  characters: 400_000_000,
} as const;
