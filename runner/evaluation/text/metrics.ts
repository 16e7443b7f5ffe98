import type { Citation } from "../../plugins/citation.ts";
import type { Metric, Sums } from "../../plugins/metrics/metric.ts";
import { Registry } from "../../plugins/registry.ts";
import { at, bleuOrder, chrfOrder, textCounters } from "./counters.ts";

type TextMetric = Metric<string, string | null, Sums>;
type Definition = Pick<TextMetric, "displayName" | "definition" | "value" | "isShareCorrect" | "hub" | "citations">;

/** 0 / 0 is 0. */
const ratio = (part = 0, whole = 0): number => (whole === 0 ? 0 : part / whole);
const mean = (counter: number) => (sums: Sums) => ratio(sums[counter], sums[at.cases]);

/** Geometric mean of the n-gram precisions times the brevity penalty, with the smoothing "exp" of sacrebleu. */
function bleu(sums: Sums): number {
  const given = sums[at.bleuLength] ?? 0;
  const gold = sums[at.bleuGoldLength] ?? 0;
  let logarithms = 0;
  let smoothing = 1;
  let hasMatch = false;
  for (let n = 0; n < bleuOrder; n++) {
    const total = sums[at.bleuTotals + n] as number;
    const hits = sums[at.bleuMatches + n] as number;
    if (total === 0) return 0;
    if (hits > 0) hasMatch = true;
    else smoothing *= 2;
    logarithms += Math.log(hits > 0 ? hits / total : 1 / (smoothing * total));
  }
  if (!hasMatch) return 0;
  const brevity = given < gold ? Math.exp(1 - gold / given) : 1;
  return brevity * Math.exp(logarithms / bleuOrder);
}

/** F2 of the mean precision and the mean recall over the orders that both sides have. */
function chrf(sums: Sums): number {
  let [precision, recall, orders] = [0, 0, 0];
  for (let n = 0; n < chrfOrder; n++) {
    const hits = sums[at.chrfMatches + n] as number;
    const given = sums[at.chrfTotals + n] as number;
    const gold = sums[at.chrfGoldTotals + n] as number;
    if (given === 0 || gold === 0) continue;
    precision += hits / given;
    recall += hits / gold;
    orders++;
  }
  return orders === 0 ? 0 : ratio(5 * (precision / orders) * (recall / orders), (4 * precision + recall) / orders);
}

const rouge: Citation = {
  key: "rouge",
  bibtex:
    "@inproceedings{rouge, title={{ROUGE}: A Package for Automatic Evaluation of Summaries}, author={Lin, Chin-Yew}, booktitle={Text Summarization Branches Out}, pages={74--81}, year={2004}}",
};
const squad: Citation = {
  key: "squad",
  bibtex:
    "@inproceedings{squad, title={{SQuAD}: 100,000+ Questions for Machine Comprehension of Text}, author={Rajpurkar, Pranav and Zhang, Jian and Lopyrev, Konstantin and Liang, Percy}, booktitle={Conference on Empirical Methods in Natural Language Processing}, pages={2383--2392}, year={2016}}",
};
const bleuPaper: Citation = {
  key: "bleu",
  bibtex:
    "@inproceedings{bleu, title={{BLEU}: a Method for Automatic Evaluation of Machine Translation}, author={Papineni, Kishore and Roukos, Salim and Ward, Todd and Zhu, Wei-Jing}, booktitle={Annual Meeting of the Association for Computational Linguistics}, pages={311--318}, year={2002}}",
};
const sacrebleu: Citation = {
  key: "sacrebleu",
  bibtex:
    "@inproceedings{sacrebleu, title={A Call for Clarity in Reporting {BLEU} Scores}, author={Post, Matt}, booktitle={Conference on Machine Translation}, pages={186--191}, year={2018}}",
};
const chrfPaper: Citation = {
  key: "chrf",
  bibtex:
    "@inproceedings{chrf, title={chr{F}: character n-gram {F}-score for automatic {MT} evaluation}, author={Popovi{\\'c}, Maja}, booktitle={Workshop on Statistical Machine Translation}, pages={392--395}, year={2015}}",
};

const definitions: Readonly<Record<string, Definition>> = {
  rouge_l: {
    hub: { id: "rouge", args: { rouge_types: "rougeL" } },
    citations: [rouge],
    displayName: "ROUGE-L",
    definition: "Mean F1 of the longest common subsequence of words (Lin 2004); lower case, without stemming",
    value: mean(at.rougeL),
  },
  rouge_1: {
    hub: { id: "rouge", args: { rouge_types: "rouge1" } },
    citations: [rouge],
    displayName: "ROUGE-1",
    definition: "Mean F1 over words (Lin 2004); lower case, without stemming",
    value: mean(at.rouge1),
  },
  rouge_2: {
    hub: { id: "rouge", args: { rouge_types: "rouge2" } },
    citations: [rouge],
    displayName: "ROUGE-2",
    definition:
      "Mean F1 over pairs of adjacent words (Lin 2004); lower case, without stemming; 0 for a text of one word",
    value: mean(at.rouge2),
  },
  token_f1: {
    citations: [squad],
    displayName: "token F1",
    definition:
      "Mean F1 over words without case, punctuation and articles (rules of SQuAD, Rajpurkar et al. 2016); 1 if both texts have none",
    value: mean(at.tokenF1),
  },
  exact_match: {
    hub: { id: "exact_match" },
    displayName: "exact match",
    definition: "Share of cases whose answer equals the target in the view",
    isShareCorrect: true,
    value: mean(at.exact),
  },
  bleu: {
    hub: { id: "bleu" },
    citations: [bleuPaper, sacrebleu],
    displayName: "BLEU",
    definition:
      "Precision of n-grams of one to four words over all cases, times the brevity penalty (Papineni et al. 2002), from 0 to 1; tokenizer 13a and smoothing exp of sacrebleu (Post 2018)",
    value: bleu,
  },
  chrf: {
    hub: { id: "chrf" },
    citations: [chrfPaper, sacrebleu],
    displayName: "chrF",
    definition:
      "F2 of n-grams of one to six characters over all cases (Popović 2015), from 0 to 1; as sacrebleu (Post 2018)",
    value: chrf,
  },
};

/** Describes the answers. */
const lengthRatio: TextMetric = {
  name: "length_ratio",
  displayName: "length ratio",
  definition: "Words of all answers / words of all targets; 1 is the length of the targets",
  higherIsBetter: null,
  counters: textCounters,
  value: (sums) => ratio(sums[at.words], sums[at.goldWords]),
};

/** The metrics of texts, in the order in which tables show them. */
export const textMetrics = new Registry<Metric>("metric");
for (const [name, definition] of Object.entries(definitions))
  textMetrics.register({ name, higherIsBetter: true, isUnitScore: true, counters: textCounters, ...definition });
textMetrics.register(lengthRatio);
