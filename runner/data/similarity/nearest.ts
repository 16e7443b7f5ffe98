import type { Vectors } from "./tfidf.ts";

/** A row that is like a case: its index, and the cosine of the angle between both, from 0 to 1. */
export type Neighbour = { readonly row: number; readonly cosine: number };

/**
 * The `k` rows most like each case, the most alike first and the earlier of equals first; fewer where fewer are usable.
 * Both come from one vectorizer. Costs one pass over the rows that share a term with the case.
 */
export function nearest(
  rows: Vectors,
  cases: Vectors,
  k: number,
  usable: (found: Neighbour, at: number) => boolean = () => true,
): readonly (readonly Neighbour[])[] {
  const postings = byTerm(rows);
  const count = rows.offsets.length - 1;
  const cosines = new Float64Array(count);
  return Array.from({ length: cases.offsets.length - 1 }, (_, at) => {
    cosines.fill(0);
    for (let i = cases.offsets[at] as number; i < (cases.offsets[at + 1] as number); i++) {
      const term = cases.terms[i] as number;
      const weight = cases.weights[i] as number;
      const end = postings.offsets[term + 1] as number;
      for (let p = postings.offsets[term] as number; p < end; p++) {
        const row = postings.rows[p] as number;
        cosines[row] = (cosines[row] as number) + weight * (postings.weights[p] as number);
      }
    }
    const best: Neighbour[] = [];
    for (let row = 0; row < count; row++) {
      const cosine = Math.min(1, cosines[row] as number);
      if (best.length >= k && cosine <= (best.at(-1)?.cosine ?? 1)) continue;
      const found = { row, cosine };
      if (!usable(found, at)) continue;
      let place = best.length;
      while (place > 0 && (best[place - 1] as Neighbour).cosine < cosine) place--;
      best.splice(place, 0, found);
      if (best.length > k) best.pop();
    }
    return best;
  });
}

/** The matrix by its columns: which rows have a term, and how heavily. */
function byTerm({ columns, offsets, terms, weights }: Vectors) {
  const starts = new Int32Array(columns + 1);
  for (const term of terms) starts[term + 1] = (starts[term + 1] as number) + 1;
  for (let term = 0; term < columns; term++) starts[term + 1] = (starts[term + 1] as number) + (starts[term] as number);
  const next = starts.slice();
  const rows = new Int32Array(terms.length);
  const by = new Float64Array(terms.length);
  for (let row = 0; row + 1 < offsets.length; row++) {
    for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++) {
      const term = terms[i] as number;
      const at = next[term] as number;
      next[term] = at + 1;
      rows[at] = row;
      by[at] = weights[i] as number;
    }
  }
  return { offsets: starts, rows, weights: by };
}
