import { nearest as nearestRows } from "../../data/similarity/nearest.ts";
import { fitTfidf } from "../../data/similarity/tfidf.ts";
import type { Baseline } from "./baseline.ts";
import { mostFrequent } from "./most-frequent.ts";

/**
 * Predicts the target of the most similar training row: cosine of TF-IDF vectors over words and word pairs, fitted to
 * the training rows. Ties go to the first row. A case that shares no term with any row gets no label; with `isSingle`,
 * it gets the most frequent one; with other targets, the first one.
 */
export const nearest: Baseline = (train, cases, isSingle = false) => {
  const first = train[0]?.gold;
  const otherwise = Array.isArray(first ?? []) ? (isSingle ? (mostFrequent(train, [""])[0] ?? []) : []) : first;
  const texts = train.map(({ input }) => input);
  const vectors = fitTfidf(texts);
  return nearestRows(vectors(texts), vectors(cases), 1).map(([found]) =>
    found === undefined || found.cosine === 0 ? otherwise : (train[found.row]?.gold ?? otherwise),
  );
};
