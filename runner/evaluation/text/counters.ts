import type { CounterSet, Sums } from "../../plugins/metrics/metric.ts";
import { commonSubsequence, gramCount, matches, ngrams, overlapF1, tokenF1 } from "./overlap.ts";
import { bleuTokens, characters, rougeTokens, squadTokens } from "./tokens.ts";

/** Orders of n-grams: words of BLEU, characters of chrF. */
export const bleuOrder = 4;
export const chrfOrder = 6;

/**
 * Where the sums of a quantity are. Per-case scores are summed as they are. BLEU and chrF are functions of n-gram counts
 * that are summed over cases: matches and totals by order, and for chrF the totals of both sides.
 */
export const at = {
  cases: 0,
  exact: 1,
  tokenF1: 2,
  rouge1: 3,
  rouge2: 4,
  rougeL: 5,
  words: 6,
  goldWords: 7,
  bleuLength: 8,
  bleuGoldLength: 9,
  bleuMatches: 10,
  bleuTotals: 10 + bleuOrder,
  chrfMatches: 10 + 2 * bleuOrder,
  chrfTotals: 10 + 2 * bleuOrder + chrfOrder,
  chrfGoldTotals: 10 + 2 * bleuOrder + 2 * chrfOrder,
} as const;
const size = at.chrfGoldTotals + chrfOrder;

/** The counters of every metric of texts. The prediction of an answer that could not be read is null. */
export const textCounters: CounterSet<string, string | null, Sums> = {
  open: () => ({
    contribute(gold, prediction, add) {
      const given = prediction ?? "";
      add(at.cases);
      if (prediction === gold) add(at.exact);
      add(at.tokenF1, tokenF1(squadTokens(gold), squadTokens(given)));
      addRouge(rougeTokens(gold), rougeTokens(given), add);
      addBleu(bleuTokens(gold), bleuTokens(given), add);
      addChrf(characters(gold), characters(given), add);
    },
    size: () => size,
    reader: () => (sums) => sums,
  }),
};

type Add = (counter: number, amount: number) => void;

function addRouge(gold: readonly string[], given: readonly string[], add: Add): void {
  for (const [n, counter] of [
    [1, at.rouge1],
    [2, at.rouge2],
  ] as const) {
    const hits = matches(ngrams(given, n), ngrams(gold, n));
    add(counter, overlapF1(hits, gramCount(given.length, n), gramCount(gold.length, n)));
  }
  add(at.rougeL, overlapF1(commonSubsequence(gold, given), given.length, gold.length));
  add(at.words, given.length);
  add(at.goldWords, gold.length);
}

function addBleu(gold: readonly string[], given: readonly string[], add: Add): void {
  add(at.bleuLength, given.length);
  add(at.bleuGoldLength, gold.length);
  for (let n = 1; n <= bleuOrder; n++) {
    add(at.bleuMatches + n - 1, matches(ngrams(given, n), ngrams(gold, n)));
    add(at.bleuTotals + n - 1, gramCount(given.length, n));
  }
}

function addChrf(gold: readonly string[], given: readonly string[], add: Add): void {
  for (let n = 1; n <= chrfOrder; n++) {
    const inGold = gramCount(gold.length, n);
    add(at.chrfMatches + n - 1, matches(ngrams(given, n), ngrams(gold, n)));
    // As in sacrebleu: n-grams count only if gold is long enough to have one.
    add(at.chrfTotals + n - 1, inGold === 0 ? 0 : gramCount(given.length, n));
    add(at.chrfGoldTotals + n - 1, inGold);
  }
}
