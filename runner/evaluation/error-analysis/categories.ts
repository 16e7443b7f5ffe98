import { kinPairs } from "../../data/similar-labels.ts";
import { type Compared, isNormal } from "./case.ts";

/** What a category looks at besides the case. */
export type CategoryContext = {
  /** Labels of the arm's training rows, in the view that is analysed. */
  readonly trained: ReadonlySet<string>;
  /** Groups of a label (in the view); none where the study has no groups. */
  groupsOf(label: string): readonly string[];
  /** What the classical baseline answered to the same case; undefined for the baseline itself, or without one. */
  baseline(id: string): readonly string[] | undefined;
};

/** A way to be wrong. A wrong case has every category that applies. */
export type Category = {
  readonly name: string;
  readonly definition: string;
  applies(one: Compared, context: CategoryContext): boolean;
};

/** All categories, in the order in which they are shown. */
export const categories: readonly Category[] = [
  {
    name: "omission",
    definition: "A gold label was not named",
    applies: ({ omitted }) => omitted.length > 0,
  },
  {
    name: "addition",
    definition: "A label was named that gold does not have",
    applies: ({ added }) => added.length > 0,
  },
  {
    name: "substitution_in_group",
    definition: "A label was named instead of another of the same group",
    applies: ({ omitted, added }, { groupsOf }) =>
      omitted.some((gold) => {
        const groups = new Set(groupsOf(gold));
        return added.some((label) => groupsOf(label).some((group) => groups.has(group)));
      }),
  },
  {
    name: "near_variant",
    definition:
      "A label was named that differs from an omitted one by a plural, the order of words, one letter or initials",
    applies: ({ omitted, added }) => omitted.some((gold) => added.some((label) => kinPairs([gold, label]).length > 0)),
  },
  {
    name: "out_of_set",
    definition: "A wrong label was named that no training row has",
    applies: ({ added }, { trained }) => added.some((label) => !trained.has(label)),
  },
  {
    name: "unseen_in_training",
    definition: "An omitted label is in no training row",
    applies: ({ omitted }, { trained }) => omitted.some((label) => !trained.has(label)),
  },
  {
    name: "false_normal",
    definition: "Nothing, or only normality, was named where gold names something",
    applies: ({ gold, given }) => !isNormal(gold) && isNormal(given),
  },
  {
    name: "missed_normal",
    definition: "Something was named where gold names nothing, or only normality",
    applies: ({ gold, given }) => isNormal(gold) && !isNormal(given),
  },
  {
    name: "parse_failure",
    definition: "No label could be read from the answer",
    applies: ({ answer }) => !answer.parsed,
  },
  {
    name: "truncated",
    definition: "The answer was cut at the limit of new tokens, or breaks off",
    applies: ({ answer }) => answer.finish === "length" || answer.notes.includes("truncated"),
  },
  {
    name: "repetition",
    definition: "The answer names a label several times",
    applies: ({ answer }) => answer.notes.includes("repeated"),
  },
  {
    name: "baseline_disagrees",
    definition: "The classical baseline gave another label set",
    applies: ({ id, given }, { baseline }) => {
      const other = baseline(id);
      return other !== undefined && !sameSet(given, other);
    },
  },
];

/** Whether two lists without repetitions hold the same labels. */
export function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const set = new Set(a);
  return a.length === b.length && b.every((label) => set.has(label));
}

/** The categories of a wrong case; none of a right one. */
export function categoriesOf(one: Compared, context: CategoryContext): readonly string[] {
  return one.exact ? [] : categories.filter(({ applies }) => applies(one, context)).map(({ name }) => name);
}
