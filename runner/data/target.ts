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
 * Repeats rows whose rarest group has fewer than `rare_below` rows, until the group would reach that number, at most
 * `max_repeat` times. A row without a group is not repeated. A copy follows its row; its id is that of the row with
 * "#2", "#3", … Nothing is drawn: equal rows give equal copies.
 */
export function oversample<T extends { readonly id: string }>(
  rows: readonly T[],
  options: {
    readonly rare_below: number;
    readonly max_repeat: number;
    groupsOf(row: T): readonly string[];
    /** Rows by group; a group that it lacks is not rare. */
    readonly counts: ReadonlyMap<string, number>;
  },
): T[] {
  const taken = new Set(rows.map(({ id }) => id));
  return rows.flatMap((row) => {
    const sizes = options.groupsOf(row).map((group) => options.counts.get(group) ?? options.rare_below);
    const rarest = Math.min(...sizes);
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

/** {@link oversample} by the value that a row has in the column of `data.oversample.by`. */
export function oversampleByColumn<T extends { readonly id: string; readonly stratum?: string | undefined }>(
  rows: readonly T[],
  options: { readonly rare_below: number; readonly max_repeat: number },
): T[] {
  const groupsOf = ({ stratum = "" }: T): readonly string[] => (stratum === "" ? [] : [stratum]);
  const counts = new Map<string, number>();
  for (const group of rows.flatMap(groupsOf)) counts.set(group, (counts.get(group) ?? 0) + 1);
  return oversample(rows, { ...options, groupsOf, counts });
}
