import { isNormal } from "../../data/labels/none.ts";
import { similarPairs } from "../../data/similar-labels.ts";
import type { Category } from "../../plugins/tasks/category.ts";

/** Ways in which a label set is wrong. */
export const labelCategories: readonly Category[] = [
  {
    name: "omission",
    definition: "A gold label was not named",
    applies: ({ omitted }) => omitted.length > 0,
  },
  {
    name: "addition",
    about: "added",
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
    applies: ({ omitted, added }) =>
      omitted.some((gold) => added.some((label) => similarPairs([gold, label]).length > 0)),
  },
  {
    name: "out_of_set",
    about: "added",
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
];
