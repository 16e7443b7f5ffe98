import { type ViewOf, viewOf } from "./labels/views.ts";
import { type LabelCount, labelCounts } from "./labels.ts";
import type { Row } from "./rows.ts";
import { foldText } from "./similarity/near-duplicate.ts";
import { nearDuplicates } from "./similarity/near-pairs.ts";

/** The rows of each split of a study. An empty split counts as absent. */
export type Splits = {
  readonly train: readonly Row[];
  readonly validation?: readonly Row[] | undefined;
  readonly test?: readonly Row[] | undefined;
};
export type SplitName = keyof Splits;

/** How the study reads labels, and which files were not UTF-8. */
export type AuditOptions = {
  /** Codes of errors that do not stop a run. */
  readonly accept?: readonly string[] | undefined;
  readonly separator?: string | undefined;
  /** Whether each case has exactly one label. */
  readonly isSingle?: boolean | undefined;
  /**
   * Whether the study's targets are labels; default true. If not, `gold` is empty in every row and no rule about labels
   * applies.
   */
  readonly hasLabels?: boolean | undefined;
  /** The canonical form of a label. Labels with one form are not reported as variants of each other. */
  readonly canonical?: ViewOf | undefined;
  /** How the target of a row is read as an answer. Absent: as its gold. */
  readonly readBack?: ((row: Row) => ReadBack) | undefined;
  /** Splits whose file was not UTF-8. */
  readonly recoded?: readonly SplitName[] | undefined;
  /** Training rows in an epoch, with the copies of `data.oversample`. Absent: every row once. */
  readonly epochRows?: number | undefined;
};

/** "unseen": the target is read as its gold only if its labels occur in training rows. */
export type ReadBack = "read" | "unseen" | "misread";

/** A row and its split. */
export type Placed = { readonly part: SplitName; readonly row: Row };

/** Two rows whose inputs are nearly the same. */
export type NearRows = { readonly first: Placed; readonly second: Placed; readonly similarity: number };

/** The input of every rule, computed once. */
export type Facts = {
  /** Every row with its split, in the order train, validation, test. */
  readonly rows: readonly Placed[];
  readonly parts: readonly { readonly name: SplitName; readonly rows: readonly Row[] }[];
  /** Rows by input, without regard to white space and case; empty inputs are omitted. */
  readonly byInput: readonly (readonly Placed[])[];
  /** Near-duplicates among distinct inputs. */
  readonly near: readonly NearRows[];
  readonly counts: Readonly<Record<"raw" | "basic", ReadonlyMap<SplitName, readonly LabelCount[]>>>;
  readonly canonical: ViewOf;
  readonly separator: string;
  readonly isSingle: boolean;
  readonly hasLabels: boolean;
  /** Rows whose target is not read as their gold. */
  readonly misread: readonly { readonly placed: Placed; readonly isUnseen: boolean }[];
  readonly recoded: readonly SplitName[];
  readonly epochRows: number | undefined;
};

/** A summary of lengths. */
export type Spread = {
  readonly min: number;
  readonly median: number;
  readonly mean: number;
  readonly p95: number;
  readonly max: number;
};

/** Statistics of one split. */
export type SplitFacts = {
  readonly rows: number;
  /** Training rows in an epoch, with the copies of `data.oversample`; absent without copies. */
  readonly epoch_rows?: number;
  /** Distinct groups; absent without `data.columns.group`. */
  readonly groups?: number;
  readonly empty_inputs: number;
  readonly empty_targets: number;
  /** Distinct labels in the raw view and in the basic view. */
  readonly labels_raw: number;
  readonly labels_basic: number;
  /** Labels per row, raw. */
  readonly labels_per_row: number;
  /** Labels (basic) of one row only, and of fewer than six rows. */
  readonly labels_once: number;
  readonly labels_below_six: number;
  /** Share of the label occurrences (basic) whose label training has: the maximum recall with training labels only. */
  readonly seen_in_training: number;
  /** The maximum scores with training labels only, basic view. */
  readonly ceiling: { readonly micro_f1: number; readonly exact_match: number };
  /** The labels (basic) of the split by their training rows: distinct labels, and their occurrences in the split. */
  readonly tail: readonly { readonly training_rows: string; readonly labels: number; readonly occurrences: number }[];
  /** The most frequent labels (basic) with the share of rows that have them. */
  readonly top_labels: readonly { readonly label: string; readonly count: number; readonly share: number }[];
  /** Of inputs, in UTF-16 units and in words. */
  readonly characters: Spread;
  readonly words: Spread;
  /** In tokens of the experiment's model; absent if they were not counted. */
  readonly tokens?: Spread | undefined;
};

/** Strata of labels by their training rows. */
export const frequencyStrata = [
  { name: "0", from: 0, to: 0 },
  { name: "1-5", from: 1, to: 5 },
  { name: "6-20", from: 6, to: 20 },
  { name: "21-60", from: 21, to: 60 },
  { name: ">60", from: 61, to: Number.POSITIVE_INFINITY },
] as const;

/** The splits that have rows, in order. */
export function partsOf(splits: Splits): Facts["parts"] {
  const names: readonly SplitName[] = ["train", "validation", "test"];
  return names.flatMap((name) => (splits[name]?.length ? [{ name, rows: splits[name] }] : []));
}

/** Computes the input of the rules. */
export function gather(splits: Splits, options: AuditOptions): Facts {
  const parts = partsOf(splits);
  const rows = parts.flatMap((part) => part.rows.map((row) => ({ part: part.name, row })));
  const byInput = [...grouped(rows).values()];
  const counted = (view: "raw" | "basic") =>
    new Map(parts.map((part) => [part.name, labelCounts(part.rows, viewOf(view))] as const));
  return {
    rows,
    parts,
    byInput,
    near: nearRows(byInput),
    counts: { raw: counted("raw"), basic: counted("basic") },
    canonical: options.canonical ?? viewOf("canonical"),
    separator: options.separator ?? ",",
    isSingle: options.isSingle ?? false,
    hasLabels: options.hasLabels ?? true,
    misread: rows.flatMap((placed) => {
      const read = options.readBack?.(placed.row) ?? "read";
      return read === "read" ? [] : [{ placed, isUnseen: read === "unseen" }];
    }),
    recoded: options.recoded ?? [],
    epochRows: options.epochRows,
  };
}

function grouped(rows: readonly Placed[]): ReadonlyMap<string, readonly Placed[]> {
  const byInput = new Map<string, Placed[]>();
  for (const placed of rows) {
    const key = foldText(placed.row.input);
    if (key === "") continue;
    const same = byInput.get(key);
    if (same) same.push(placed);
    else byInput.set(key, [placed]);
  }
  return byInput;
}

/** One pair of rows for each pair of inputs; of different splits if there is such a pair. */
function nearRows(byInput: readonly (readonly Placed[])[]): NearRows[] {
  const texts = byInput.map(([first]) => (first as Placed).row.input);
  return nearDuplicates(texts).map(({ a, b, similarity }) => {
    const [one, other] = [byInput[a] as readonly Placed[], byInput[b] as readonly Placed[]];
    const first = one[0] as Placed;
    const apart = other.find(({ part }) => part !== first.part);
    return { first, second: apart ?? (other[0] as Placed), similarity };
  });
}

/** The statistics of one split. */
export function factsOf({ name, rows }: Facts["parts"][number], facts: Facts): SplitFacts {
  const basic = facts.counts.basic.get(name) ?? [];
  const trained = new Map(facts.counts.basic.get("train")?.map(({ label, count }) => [label, count]));
  const total = basic.reduce((sum, { count }) => sum + count, 0);
  const seen = basic.reduce((sum, { label, count }) => sum + (trained.has(label) ? count : 0), 0);
  const labels = rows.reduce((sum, { gold }) => sum + gold.length, 0);
  const of = viewOf("basic");
  const reachable = rows.filter(({ gold }) => gold.every((label) => trained.has(of(label)))).length;
  const { epochRows = rows.length } = facts;
  const groups = new Set(rows.flatMap(({ group }) => group ?? []));
  return {
    rows: rows.length,
    ...(name === "train" && epochRows !== rows.length ? { epoch_rows: epochRows } : {}),
    ...(groups.size === 0 ? {} : { groups: groups.size }),
    empty_inputs: rows.filter(({ input }) => input.trim() === "").length,
    empty_targets: rows.filter(({ gold, answer }) => (facts.hasLabels ? gold.length === 0 : answer.trim() === ""))
      .length,
    labels_raw: facts.counts.raw.get(name)?.length ?? 0,
    labels_basic: basic.length,
    labels_per_row: rows.length === 0 ? 0 : labels / rows.length,
    labels_once: basic.filter(({ count }) => count === 1).length,
    labels_below_six: basic.filter(({ count }) => count < 6).length,
    seen_in_training: total === 0 ? 1 : seen / total,
    ceiling: {
      micro_f1: total === 0 ? 1 : (2 * seen) / (seen + total),
      exact_match: rows.length === 0 ? 1 : reachable / rows.length,
    },
    tail: frequencyStrata.map(({ name: training_rows, from, to }) => {
      const within = basic.filter(({ label }) => {
        const count = trained.get(label) ?? 0;
        return count >= from && count <= to;
      });
      return { training_rows, labels: within.length, occurrences: within.reduce((sum, one) => sum + one.count, 0) };
    }),
    top_labels: basic.slice(0, 20).map(({ label, count }) => ({ label, count, share: count / rows.length })),
    characters: spread(rows.map(({ input }) => input.length)),
    words: spread(rows.map(({ input }) => wordCount(input))),
  };
}

/** Words of a text, by white space. */
export function wordCount(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

/** Minimum, median, mean, 95th percentile (nearest rank) and maximum; zeros for no values. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const mean = sorted.length === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { min: sorted[0] ?? 0, median: at(0.5), mean, p95: at(0.95), max: sorted.at(-1) ?? 0 };
}
