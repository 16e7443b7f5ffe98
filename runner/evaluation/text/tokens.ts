import { unspacedParts, words } from "../../data/words.ts";

/**
 * Tokens of ROUGE: lower-case runs of letters and digits, as rouge-score has them without stemming. rouge-score drops
 * every letter outside a-z; here the words of any script count, so that both agree on ASCII text.
 */
export const rougeTokens = (text: string): string[] => words(text.toLowerCase());

const asciiPunctuation = /[!-/:-@[-`{-~]/g;
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/**
 * Tokens of SQuAD (Rajpurkar et al. 2016): lower case, without ASCII punctuation and English articles, split at
 * whitespace. Characters of scripts without spaces are tokens of their own.
 */
export function squadTokens(text: string): string[] {
  const plain = text.toLowerCase().replace(asciiPunctuation, "").replace(articles, " ");
  return plain.split(/\s+/).flatMap(unspacedParts);
}

/** Tokens of BLEU: the tokenizer "13a" of sacrebleu, which is that of mteval-v13a. */
export function bleuTokens(text: string): string[] {
  let line = text.trimEnd().replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ");
  if (line.includes("&"))
    line = line.replaceAll("&quot;", '"').replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">");
  return ` ${line} `
    .replace(/[{-~[-` -&(-+:-@/]/g, " $& ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])-/g, "$1 - ")
    .split(/\s+/)
    .filter((token) => token !== "");
}

/** Characters of chrF: the code points of a text without whitespace. */
export const characters = (text: string): string[] => [...text.replace(/\s+/g, "")];
