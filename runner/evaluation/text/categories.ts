import type { Category, ComparedCase } from "../../plugins/tasks/category.ts";
import { commonRun, tokenF1 } from "./overlap.ts";
import { sharedWords } from "./strata.ts";
import { rougeTokens, squadTokens } from "./tokens.ts";

const words = (parts: readonly string[]): readonly string[] => rougeTokens(parts.join(" "));
const hasAnswer = ({ given }: ComparedCase): boolean => given.length > 0;
const overlap = ({ gold, given }: ComparedCase): number =>
  tokenF1(squadTokens(gold.join(" ")), squadTokens(given.join(" ")));

/** Fewest words in a row that count as copied. */
const copiedWords = 8;

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
  {
    name: "too_short",
    definition: "The answer has fewer than half as many words as the target",
    applies: (one) => hasAnswer(one) && 2 * words(one.given).length < words(one.gold).length,
  },
  {
    name: "too_long",
    definition: "The answer has more than twice as many words as the target",
    applies: (one) => words(one.given).length > 2 * words(one.gold).length,
  },
  {
    name: "copied_span",
    definition: `The answer copies at least ${copiedWords} words in a row from the input, or consists of such a copy, which the target does not have`,
    applies({ id, gold, given }, { input }) {
      const answer = words(given);
      const { start, length } = commonRun(answer, words([input(id)]));
      if (length === 0 || length < Math.min(copiedWords, answer.length)) return false;
      return commonRun(answer.slice(start, start + length), words(gold)).length < length;
    },
  },
  {
    name: "unsupported_words",
    definition: "More than half of the answer's words are neither in the input nor in the target",
    applies({ id, gold, given }, { input }) {
      const answer = words(given);
      return answer.length > 0 && sharedWords(answer, [...words([input(id)]), ...words(gold)]) < 0.5;
    },
  },
];
