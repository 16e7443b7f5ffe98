import { isNormal } from "../../data/labels/none.ts";
import { similarPairs } from "../../data/similar-labels.ts";
import type { Category } from "../../plugins/tasks/category.ts";

/** Ways in which a label set is wrong. */
export const labelCategories: readonly Category[] = [
  {
    name: "omission",
    definition: "A gold label is missing from the prediction",
    applies: ({ omitted }) => omitted.length > 0,
  },
  {
    name: "addition",
    about: "added",
    definition: "A predicted label is not a gold label",
    applies: ({ added }) => added.length > 0,
  },
  {
    name: "substitution_in_group",
    definition: "A gold label is replaced by another label of the same group",
    applies: ({ omitted, added }, { groupsOf }) =>
      omitted.some((gold) => {
        const groups = new Set(groupsOf(gold));
        return added.some((label) => groupsOf(label).some((group) => groups.has(group)));
      }),
  },
  {
    name: "near_variant",
    definition:
      "A predicted label differs from an omitted gold label only by a plural, word order, one letter or initials",
    applies: ({ omitted, added }) =>
      omitted.some((gold) => added.some((label) => similarPairs([gold, label]).length > 0)),
  },
  {
    name: "out_of_set",
    about: "added",
    definition: "A predicted label is wrong and occurs in no training row",
    applies: ({ added }, { trained }) => added.some((label) => !trained.has(label)),
  },
  {
    name: "unseen_in_training",
    definition: "An omitted gold label occurs in no training row",
    applies: ({ omitted }, { trained }) => omitted.some((label) => !trained.has(label)),
  },
  {
    name: "false_normal",
    definition: "The prediction is empty or normal, but the gold labels are abnormal",
    applies: ({ gold, given }) => !isNormal(gold) && isNormal(given),
  },
  {
    name: "missed_normal",
    definition: "The prediction is abnormal, but the gold labels are empty or normal",
    applies: ({ gold, given }) => isNormal(gold) && !isNormal(given),
  },
];
