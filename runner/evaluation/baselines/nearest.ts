import { nearest as nearestRows } from "../../data/similarity/nearest.ts";
import { fitTfidf } from "../../data/similarity/tfidf.ts";
import type { Baseline } from "./baseline.ts";

/**
 * The labels of the training row that is most like the case (cosine of TF-IDF vectors over words and pairs of words, fitted to the
 * training rows), the first of equals; no label for a case that shares no term with any row.
 */
export const nearest: Baseline = (train, cases) => {
  const texts = train.map(({ input }) => input);
  const vectors = fitTfidf(texts);
  return nearestRows(vectors(texts), vectors(cases), 1).map(([found]) =>
    found === undefined || found.cosine === 0 ? [] : (train[found.row]?.gold ?? []),
  );
};
