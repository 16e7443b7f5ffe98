import { foldText, isNearDuplicate, nearDuplicateCosine } from "../../data/similarity/near-duplicate.ts";
import { nearest } from "../../data/similarity/nearest.ts";
import { fitTfidf } from "../../data/similarity/tfidf.ts";
import { createRandom } from "../../util/random.ts";
import type { DataRow } from "./data.ts";

/** How few-shot examples are chosen. */
export type ExampleChoice = { readonly count: number; readonly select: "nearest" | "random"; readonly seed: number };

/**
 * The training rows that each case is shown as examples, in the order in which they are shown; fewer than asked for where
 * fewer may be shown. Never the case itself or a near-duplicate of it, so that a training row may be a case too; copies of
 * one row stand for one. `nearest` ends with the most alike, next to the case; `random` is one draw for all cases, so that
 * their prompts begin alike and the beginning is computed once.
 */
export function chooseExamples(
  train: readonly DataRow[],
  cases: readonly Pick<DataRow, "input">[],
  { count, select, seed }: ExampleChoice,
): readonly (readonly DataRow[])[] {
  const pool = [...new Map(train.toReversed().map((row) => [foldText(row.input), row])).values()].reverse();
  const vectors = fitTfidf(pool.map(({ input }) => input));
  const rows = vectors(pool.map(({ input }) => input));
  const asked = vectors(cases.map(({ input }) => input));
  const isSame = (row: number, at: number, cosine: number): boolean =>
    isNearDuplicate((pool[row] as DataRow).input, (cases[at] as DataRow).input, cosine);
  if (select === "nearest") {
    const found = nearest(rows, asked, count, ({ row, cosine }, at) => !isSame(row, at, cosine));
    return found.map((all) => all.map(({ row }) => pool[row] as DataRow).reverse());
  }
  const drawn = createRandom(seed).shuffled(pool.keys());
  const alike = nearest(rows, asked, pool.length, ({ cosine }) => cosine >= nearDuplicateCosine);
  return alike.map((found, at) => {
    const shown: DataRow[] = [];
    for (const row of drawn) {
      if (shown.length === count) break;
      const cosine = found.find((one) => one.row === row)?.cosine ?? 0;
      if (!isSame(row, at, cosine)) shown.push(pool[row] as DataRow);
    }
    return shown;
  });
}
