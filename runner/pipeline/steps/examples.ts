import { foldText, isNearDuplicate, nearCosine } from "../../data/similarity/near-duplicate.ts";
import { nearest } from "../../data/similarity/nearest.ts";
import { fitTfidf } from "../../data/similarity/tfidf.ts";
import { createRandom } from "../../util/random.ts";
import type { DataRow } from "./data.ts";

/** How few-shot examples are selected. */
export type ExampleChoice = { readonly count: number; readonly select: "nearest" | "random"; readonly seed: number };

/**
 * The training rows that each case gets as few-shot examples, in the order of the prompt. A list is shorter than
 * `count` if too few rows qualify. A near-duplicate of the case and a row of its group never qualify, so a training row
 * may be a case too.
 * Identical inputs count as one row. `nearest` selects by TF-IDF cosine and puts the most similar row last, next to the
 * case. `random` draws one order for all cases, so that their prompts share a prefix, which is computed once.
 */
export function chooseExamples(
  train: readonly DataRow[],
  cases: readonly Pick<DataRow, "input" | "group">[],
  { count, select, seed }: ExampleChoice,
): readonly (readonly DataRow[])[] {
  const pool = [...new Map(train.toReversed().map((row) => [foldText(row.input), row])).values()].reverse();
  const vectorise = fitTfidf(pool.map(({ input }) => input));
  const rows = vectorise(pool.map(({ input }) => input));
  const queries = vectorise(cases.map(({ input }) => input));
  const isSame = (row: number, at: number, cosine: number): boolean => {
    const [one, other] = [pool[row] as DataRow, cases[at] as DataRow];
    return (one.group !== undefined && one.group === other.group) || isNearDuplicate(one.input, other.input, cosine);
  };
  if (select === "nearest") {
    const found = nearest(rows, queries, count, ({ row, cosine }, at) => !isSame(row, at, cosine));
    return found.map((all) => all.map(({ row }) => pool[row] as DataRow).reverse());
  }
  const drawn = createRandom(seed).shuffled(pool.keys());
  const similar = nearest(rows, queries, pool.length, ({ cosine }) => cosine >= nearCosine.long);
  return similar.map((found, at) => {
    const chosen: DataRow[] = [];
    for (const row of drawn) {
      if (chosen.length === count) break;
      const cosine = found.find((one) => one.row === row)?.cosine ?? 0;
      if (!isSame(row, at, cosine)) chosen.push(pool[row] as DataRow);
    }
    return chosen;
  });
}
