import { writeLabel } from "./labels/split.ts";
import { type ViewOf, viewLabels } from "./labels/views.ts";
import type { LabelCount } from "./labels.ts";

/** The target of a row without labels. The parser reads it as the empty set. */
export const noLabels = "None";

/** The text between two labels of a target: the separator, and a space unless it ends in white space. */
export function betweenLabels(separator: string): string {
  return separator === "|" ? " | " : /\s$/.test(separator) ? separator : `${separator} `;
}

/** How the labels of a row become its target. */
export type TargetOptions = {
  readonly of: ViewOf;
  readonly order: "as_is" | "alphabetical" | "frequency";
  readonly separator: string;
  /** Whether each row has exactly one label, which is then the whole target. */
  readonly isSingle: boolean;
  /** Training counts in the same view; `frequency` puts the most frequent first. */
  readonly counts: readonly LabelCount[];
};

/**
 * Makes the function that writes targets. Labels are separated as `splitLabels` reads them: a label that contains the
 * separator or a line break is a JSON string.
 */
export function targetWriter(options: TargetOptions): (gold: readonly string[]) => string {
  const { of, order, separator, isSingle } = options;
  const between = betweenLabels(separator);
  const rank = new Map(options.counts.map(({ label }, index) => [label, index]));
  const last = rank.size;
  return (gold) => {
    const labels = viewLabels(gold, of);
    if (labels.length === 0) return noLabels;
    if (order === "alphabetical") labels.sort();
    if (order === "frequency") labels.sort((a, b) => (rank.get(a) ?? last) - (rank.get(b) ?? last));
    return isSingle ? labels.join(between) : labels.map((label) => writeLabel(label, separator)).join(between);
  };
}

/**
 * Repeats rows whose rarest label has fewer than `rare_below` training rows, until the label would reach that number,
 * at most `max_repeat` times. A copy follows its row; its id is that of the row with "#2", "#3", …
 */
export function oversample<T extends { readonly id: string; readonly gold: readonly string[] }>(
  rows: readonly T[],
  options: {
    readonly rare_below: number;
    readonly max_repeat: number;
    readonly of: ViewOf;
    readonly counts: readonly LabelCount[];
  },
): T[] {
  const count = new Map(options.counts.map((one) => [one.label, one.count]));
  const taken = new Set(rows.map(({ id }) => id));
  return rows.flatMap((row) => {
    const rarest = Math.min(...viewLabels(row.gold, options.of).map((label) => count.get(label) ?? options.rare_below));
    const times =
      rarest < options.rare_below ? Math.min(options.max_repeat, Math.ceil(options.rare_below / rarest)) : 1;
    const copies = [row];
    for (let copy = 2; copies.length < times; copy++) {
      const id = `${row.id}#${copy}`;
      if (taken.has(id)) continue;
      taken.add(id);
      copies.push({ ...row, id });
    }
    return copies;
  });
}
