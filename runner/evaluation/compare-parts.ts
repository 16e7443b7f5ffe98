/** How a prediction differs from gold, by their parts: labels, or one text. Lists hold each part once. */
export type PartsDifference = {
  /** Parts of gold that the prediction lacks, and parts of the prediction that gold lacks. */
  readonly omitted: readonly string[];
  readonly added: readonly string[];
  readonly exact: boolean;
  /** 2 TP / (gold + predicted); 0 if both are empty, though `exact` is true then. */
  readonly f1: number;
};

/** Compares the parts of gold and prediction. An answer that could not be read (`parsed` is false) is never exact. */
export function compareParts(gold: readonly string[], given: readonly string[], parsed = true): PartsDifference {
  const [inGold, inGiven] = [new Set(gold), new Set(given)];
  const omitted = gold.filter((part) => !inGiven.has(part));
  const added = given.filter((part) => !inGold.has(part));
  const both = gold.length - omitted.length;
  return {
    omitted,
    added,
    exact: parsed && omitted.length === 0 && added.length === 0,
    f1: both === 0 ? 0 : (2 * both) / (gold.length + given.length),
  };
}
