/** Limits of a table of any format. They bound time and memory, whatever a compressed file claims. */
export const tableLimits = {
  /** Bytes of an unpacked file. */
  bytes: 500_000_000,
  /** Cells: rows times columns. */
  cells: 10_000_000,
  /** Characters of all cells. */
  characters: 400_000_000,
} as const;
