import type { CaseProperty } from "../../plugins/tasks/category.ts";
import { commonRun } from "./overlap.ts";
import { rougeTokens } from "./tokens.ts";

/** Share of the words of a text that another text has. */
export function sharedWords(of: readonly string[], other: readonly string[]): number {
  const known = new Set(other);
  return of.length === 0 ? 0 : of.filter((word) => known.has(word)).length / of.length;
}

/** A range of whole numbers or percentages by name. */
type Range = { readonly name: string; readonly to: number };

const lengths: readonly Range[] = [
  { name: "1-5 words", to: 5 },
  { name: "6-10 words", to: 10 },
  { name: "11-20 words", to: 20 },
  { name: "21-50 words", to: 50 },
  { name: "51-100 words", to: 100 },
  { name: "over 100 words", to: Number.POSITIVE_INFINITY },
];
const shares: readonly Range[] = [
  { name: "up to 25 %", to: 0.25 },
  { name: "26-50 %", to: 0.5 },
  { name: "51-75 %", to: 0.75 },
  { name: "76-99 %", to: 0.999 },
  { name: "all", to: 1 },
];
const runs: readonly Range[] = [
  { name: "none", to: 0 },
  { name: "1-2 words", to: 2 },
  { name: "3-5 words", to: 5 },
  { name: "6-10 words", to: 10 },
  { name: "over 10 words", to: Number.POSITIVE_INFINITY },
];

/** Properties of the target of a text case, which are the same for all arms. */
export const textStrata: readonly CaseProperty[] = [
  property("words per target", lengths, (gold) => gold.length),
  property("words of the target that the input has", shares, sharedWords),
  property(
    "longest part of the target that is copied from the input",
    runs,
    (gold, input) => commonRun(gold, input).length,
  ),
];

function property(
  name: string,
  ranges: readonly Range[],
  measure: (gold: readonly string[], input: readonly string[]) => number,
): CaseProperty {
  return {
    name,
    values: ranges.map((range) => range.name),
    value({ gold }, input) {
      const value = measure(rougeTokens(gold.join(" ")), rougeTokens(input));
      return (ranges.find(({ to }) => value <= to) as Range).name;
    },
  };
}
