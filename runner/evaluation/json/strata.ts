import type { CaseProperty } from "../../plugins/tasks/category.ts";
import { placeOfPart } from "./path.ts";

type Range = { readonly name: string; readonly to: number };

const counts: readonly Range[] = [
  { name: "1-3", to: 3 },
  { name: "4-6", to: 6 },
  { name: "7-10", to: 10 },
  { name: "11-20", to: 20 },
  { name: "over 20", to: Number.POSITIVE_INFINITY },
];
const items: readonly Range[] = [
  { name: "none", to: 0 },
  { name: "1", to: 1 },
  { name: "2-3", to: 3 },
  { name: "4-10", to: 10 },
  { name: "over 10", to: Number.POSITIVE_INFINITY },
];

/** Properties of the target of a case, which are the same for all arms. */
export const jsonStrata: readonly CaseProperty[] = [
  property("values per target", counts, (gold) => gold.length),
  property("list items per target", items, (gold) => {
    const of = (place: string): readonly string[] =>
      [...place.matchAll(/\[\d+\]/g)].map(({ index, 0: step }) => place.slice(0, index + step.length));
    return new Set(gold.map(placeOfPart).flatMap(of)).size;
  }),
];

function property(name: string, ranges: readonly Range[], measure: (gold: readonly string[]) => number): CaseProperty {
  return {
    name,
    values: ranges.map((range) => range.name),
    value: ({ gold }) => (ranges.find(({ to }) => measure(gold) <= to) as Range).name,
  };
}
