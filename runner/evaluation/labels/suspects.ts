import { smallest } from "../../util/extremes.ts";

/** A training row with the scores that a classifier gives it which was fitted without the row. */
export type ScoredRow = {
  readonly id: string;
  /** The labels of the row, in one view. */
  readonly gold: readonly string[];
  /** Scores of labels in the same view. A label that is absent has at most the least of them. */
  readonly scores: ReadonlyMap<string, number>;
};

/** A label that a training row has and probably should not have, or the reverse. */
export type Suspect = {
  readonly id: string;
  readonly label: string;
  readonly kind: "missing" | "wrong";
  readonly score: number;
  /** The mean score of the rows that have the label (missing), or that do not have it (wrong). */
  readonly limit: number;
};

/** Two labels that training rows probably use for the same thing. */
export type ConfusedPair = {
  readonly label: string;
  /** The label that rows have in its place. */
  readonly other: string;
  /** Rows in which `label` is suspected to be missing, and those of them that have `other`. */
  readonly rows: number;
  readonly shared: number;
};

/** What a classifier suspects in the training rows. */
export type Suspicions = { readonly errors: readonly Suspect[]; readonly pairs: readonly ConfusedPair[] };

/** Least number of rows, least share of them, and least ratio to the share in all rows, for a pair of labels. */
const pairLimits = { rows: 5, share: 0.5, lift: 10 };

/** Least number of rows with a label for which errors are suspected. */
const leastRows = 5;

/**
 * Least share of the rows above the upper limit that must have the label. With fewer, its scores are too unreliable.
 */
const leastPrecision = 0.5;

/**
 * Suspected label errors, and pairs of labels of which one is often suspected to be missing in rows that have the
 * other. The missing labels of such rows are no errors, but choices between near-synonyms.
 */
export function suspicions(rows: readonly ScoredRow[]): Suspicions {
  const errors = suspectedErrors(rows);
  const golds = new Map(rows.map(({ id, gold }) => [id, gold]));
  const counts = countsOf(rows.map(({ gold }) => gold));
  const byLabel = new Map<string, Suspect[]>();
  for (const one of errors)
    if (one.kind === "missing") byLabel.set(one.label, [...(byLabel.get(one.label) ?? []), one]);
  const pairs = [...byLabel].flatMap(([label, missing]) =>
    [...countsOf(missing.map(({ id }) => golds.get(id) ?? []))].flatMap(([other, shared]): readonly ConfusedPair[] => {
      const share = shared / missing.length;
      const lift = share / ((counts.get(other) as number) / rows.length);
      const isPair = missing.length >= pairLimits.rows && share >= pairLimits.share && lift >= pairLimits.lift;
      return isPair ? [{ label, other, rows: missing.length, shared }] : [];
    }),
  );
  const isChoice = ({ id, label, kind }: Suspect): boolean =>
    kind === "missing" && pairs.some((pair) => pair.label === label && golds.get(id)?.includes(pair.other));
  return {
    errors: errors.filter((one) => !isChoice(one)),
    pairs: pairs.sort((a, b) => b.shared - a.shared),
  };
}

/** The number of lists with each label. */
function countsOf(lists: readonly (readonly string[])[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const labels of lists) for (const label of new Set(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/**
 * Suspected label errors, the most suspect first. A label is missing if its score is at least the mean of the rows that
 * have it, and wrong if its score is at most the mean of the rows that do not have it (confident learning, Northcutt et
 * al., J Artif Intell Res 2021). Labels are left out that most rows with such a high score do not have. Suspects are
 * ordered by the distance from the limit, relative to the distance of the
 * two means.
 */
export function suspectedErrors(rows: readonly ScoredRow[]): readonly Suspect[] {
  const floors = rows.map(({ scores }) => smallest(scores.values()));
  const withLabel = new Map<string, Set<number>>();
  for (const [at, { gold }] of rows.entries()) {
    for (const label of gold) withLabel.set(label, (withLabel.get(label) ?? new Set()).add(at));
  }
  const found: { readonly suspect: Suspect; readonly excess: number }[] = [];
  for (const [label, own] of withLabel) {
    if (own.size < leastRows || own.size === rows.length) continue;
    const scores = rows.map((row, at) => row.scores.get(label) ?? (floors[at] as number));
    if (!scores.every(Number.isFinite)) continue;
    const mean = (isOwn: boolean): number => {
      const values = scores.filter((_, at) => own.has(at) === isOwn);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    const [high, low] = [mean(true), mean(false)];
    const above = scores.flatMap((score, at) => (score >= high ? [own.has(at)] : []));
    if (high <= low || above.filter(Boolean).length < leastPrecision * above.length) continue;
    for (const [at, score] of scores.entries()) {
      const { id } = rows[at] as ScoredRow;
      const [kind, limit, beyond] = own.has(at)
        ? (["wrong", low, low - score] as const)
        : (["missing", high, score - high] as const);
      if (beyond >= 0) found.push({ suspect: { id, label, kind, score, limit }, excess: beyond / (high - low) });
    }
  }
  return found.sort((a, b) => b.excess - a.excess).map(({ suspect }) => suspect);
}
