import type { Category, CategoryContext, ComparedCase } from "../../plugins/tasks/category.ts";

/** Ways in which an answer to any task is wrong. */
export const generalCategories: readonly Category[] = [
  {
    name: "parse_failure",
    definition: "The response could not be parsed",
    applies: ({ answer }) => !answer.parsed,
  },
  {
    name: "truncated",
    definition: "The response reaches the maximum number of new tokens or is incomplete",
    applies: ({ answer }) => answer.finish === "length" || answer.notes.includes("truncated"),
  },
  {
    name: "repetition",
    definition: "The response repeats itself",
    applies: ({ answer }) => answer.notes.includes("repeated"),
  },
];

/** Whether two lists without repetitions have the same parts. */
export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const set = new Set(a);
  return a.length === b.length && b.every((label) => set.has(label));
}

/** The categories of a wrong case; none for a correct one. */
export function categoriesOf(
  one: ComparedCase,
  categories: readonly Category[],
  context: CategoryContext,
): readonly string[] {
  return one.exact ? [] : categories.filter(({ applies }) => applies(one, context)).map(({ name }) => name);
}
