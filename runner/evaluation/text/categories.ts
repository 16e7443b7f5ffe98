import type { Category, ComparedCase } from "../../plugins/tasks/category.ts";
import { tokenF1 } from "./overlap.ts";
import { squadTokens } from "./tokens.ts";

const hasAnswer = ({ given }: ComparedCase): boolean => given.length > 0;
const overlap = ({ gold, given }: ComparedCase): number =>
  tokenF1(squadTokens(gold.join(" ")), squadTokens(given.join(" ")));

/** Ways in which a text differs from its target. */
export const textCategories: readonly Category[] = [
  {
    name: "near_variant",
    definition: "The answer has the words of the target in their order, except for articles, case and punctuation",
    applies: (one) =>
      hasAnswer(one) && squadTokens(one.gold.join(" ")).join(" ") === squadTokens(one.given.join(" ")).join(" "),
  },
  {
    name: "partial_overlap",
    definition: "The answer shares at least half of its words with the target (token F1 of .5 or more)",
    applies: (one) => hasAnswer(one) && overlap(one) >= 0.5,
  },
  {
    name: "low_overlap",
    definition: "The answer shares few words with the target (token F1 below .2)",
    applies: (one) => hasAnswer(one) && overlap(one) < 0.2,
  },
];
