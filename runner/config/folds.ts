import { find, type MapNode, type Node, put } from "./node.ts";

const folds = ["data", "validation", "folds"];
const fold = ["data", "validation", "fold"];
const repeat = ["sweep", "repeat"];

/** The key that k-fold cross-validation varies. Runs that differ only in it hold out different rows. */
export const foldKey = fold.join(".");

/**
 * Expands cross-validation into a sweep that is averaged: `data.validation.folds: 5` repeats the experiment for each of
 * five folds, unless the file names one of them or its sweep varies them.
 */
export function overFolds(root: MapNode): MapNode {
  const written = find(root, folds);
  if (written?.node.kind !== "scalar" || written.key === undefined) return root;
  const { span, value } = written.node;
  const isCount = Number.isInteger(value) && Number(value) >= 2 && Number(value) <= 20;
  if (!isCount || find(root, fold) !== undefined || isVaried(root)) return root;
  const items = Array.from({ length: Number(value) }, (_, at): Node => ({ kind: "scalar", span, value: at + 1 }));
  return put(root, [...repeat, foldKey], { kind: "list", span, items }, written.key) as MapNode;
}

function isVaried(root: MapNode): boolean {
  return ["grid", "zip", "repeat"].some((way) => {
    const part = find(root, ["sweep", way])?.node;
    return part?.kind === "map" && (part.entries.has(foldKey) || part.entries.has(folds.join(".")));
  });
}
