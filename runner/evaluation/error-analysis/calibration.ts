import type { ComparedCase } from "../../plugins/tasks/category.ts";
import { createRandom } from "../../util/random.ts";
import { shareBounds } from "../statistics/interval.ts";

/** Answers with a confidence in [from, to): their number, their mean confidence, and the share of correct ones. */
export type Bin = {
  readonly from: number;
  readonly to: number;
  readonly cases: number;
  readonly confidence: number;
  readonly accuracy: number;
};

/** The answers of the highest confidences, and their share of incorrect ones. */
export type CoveragePoint = {
  /** Share of the answers that are kept. */
  readonly coverage: number;
  readonly cases: number;
  /** The lowest confidence that is kept. */
  readonly threshold: number;
  /** Share of incorrect answers among those kept, with Clopper-Pearson bounds, or those over groups of cases. */
  readonly risk: number;
  readonly low: number;
  readonly high: number;
};

/** What answering only above a confidence gains (El-Yaniv and Wiener 2010). */
export type CoverageRisk = {
  /** At 10, 20, … 100 % of the answers; equal confidences are kept together. */
  readonly points: readonly CoveragePoint[];
  /**
   * Area under the curve of risk over coverage: the mean risk over all thresholds. Random confidences give the risk of
   * all.
   */
  readonly area: number;
};

/** How well a confidence predicts correctness. */
export type Reliability = {
  readonly bins: readonly Bin[];
  /**
   * Expected calibration error (Naeini, Cooper, Hauskrecht, AAAI 2015): mean |accuracy - confidence| of bins, by their
   * cases.
   */
  readonly ece: number;
  /**
   * Mean `ece` of a perfectly calibrated model with the same confidences, over 1,000 seeded draws. `ece` is biased
   * upwards by about this value, because the accuracy of a bin with few answers is noisy.
   */
  readonly ece_calibrated: number;
  /**
   * Probability that a correct answer has a higher confidence than a wrong one (ties count half); null if all are
   * correct or all wrong.
   */
  readonly auroc: number | null;
  readonly coverage_risk: CoverageRisk;
};

/** Calibration of an arm's answers against exact match. */
export type Calibration = {
  /** Answers that have a log-probability. */
  readonly cases: number;
  readonly accuracy: number;
  /**
   * Present if labels were decided by their scores: both confidences are the probability of the predicted set, as if
   * labels were independent. The probability of the text says nothing about them.
   */
  readonly of?: "labels";
  /** exp(logprob): the probability of the whole answer. */
  readonly sequence: Reliability;
  /** exp(logprob / tokens): the geometric mean of the tokens' probabilities; it does not fall with length. */
  readonly per_token: Reliability;
};

const binCount = 10;

/** The geometric mean of the probabilities of an answer's tokens; undefined without log-probabilities. */
export function perTokenConfidence(answer: {
  readonly logprob?: number | undefined;
  readonly new_tokens?: number | undefined;
}): number | undefined {
  const { logprob, new_tokens } = answer;
  return logprob === undefined || !Number.isFinite(logprob)
    ? undefined
    : Math.exp(logprob / Math.max(1, new_tokens ?? 1));
}

/** The probability of a predicted set of labels by the scores of all labels, as if they were independent. */
function setConfidence(predicted: readonly string[], margins: Readonly<Record<string, number>>): number {
  const given = new Set(predicted);
  return Object.entries(margins).reduce((product, [label, margin]) => {
    const probability = Math.max(0, Math.min(1, (margin + 1) / 2));
    return product * (given.has(label) ? probability : 1 - probability);
  }, 1);
}

/**
 * Compares the scores of decided labels with the correctness of the predictions; null if no case was decided by scores.
 */
function labelCalibration(cases: readonly ComparedCase[]): Calibration | null {
  // A classical baseline has margins that are no probabilities, and no tokens.
  const scored = cases.flatMap(({ answer: { new_tokens, margins, prediction, group }, exact }) =>
    new_tokens === undefined || margins === undefined
      ? []
      : [{ confidence: setConfidence(prediction as readonly string[], margins), exact, group }],
  );
  if (scored.length === 0) return null;
  const accuracy = scored.filter(({ exact }) => exact).length / scored.length;
  const both = reliability(scored);
  return { cases: scored.length, accuracy, of: "labels", sequence: both, per_token: both };
}

/** Compares the probabilities of a model's answers with their correctness; null without probabilities. */
export function calibrationOf(cases: readonly ComparedCase[]): Calibration | null {
  const scored = cases.flatMap(({ answer: { logprob, new_tokens, group }, exact }) =>
    logprob === undefined || !Number.isFinite(logprob)
      ? []
      : [{ logprob, tokens: Math.max(1, new_tokens ?? 1), exact, group }],
  );
  if (scored.length === 0) return labelCalibration(cases);
  return {
    cases: scored.length,
    accuracy: scored.filter(({ exact }) => exact).length / scored.length,
    sequence: reliability(scored.map(({ logprob, ...one }) => ({ confidence: Math.exp(logprob), ...one }))),
    per_token: reliability(
      scored.map(({ logprob, tokens, ...one }) => ({ confidence: Math.exp(logprob / tokens), ...one })),
    ),
  };
}

type Scored = { readonly confidence: number; readonly exact: boolean; readonly group?: string | undefined };

/** Reliability over ten bins of equal width. */
export function reliability(scored: readonly Scored[]): Reliability {
  const binOf = ({ confidence }: Scored): number => Math.min(binCount - 1, Math.floor(confidence * binCount));
  const bins = Array.from({ length: binCount }, (_, at): Bin => {
    const own = scored.filter((one) => binOf(one) === at);
    const mean = (of: (one: Scored) => number) => own.reduce((sum, one) => sum + of(one), 0) / Math.max(1, own.length);
    return {
      from: at / binCount,
      to: (at + 1) / binCount,
      cases: own.length,
      confidence: mean(({ confidence }) => confidence),
      accuracy: mean(({ exact }) => Number(exact)),
    };
  });
  const gap = bins.reduce((sum, { cases, confidence, accuracy }) => sum + cases * Math.abs(accuracy - confidence), 0);
  return {
    bins,
    ece: scored.length === 0 ? 0 : gap / scored.length,
    ece_calibrated: calibratedError(scored, binOf),
    auroc: auroc(scored),
    coverage_risk: coverageRisk(scored),
  };
}

const draws = 1000;

/** Mean expected calibration error if each answer is correct with the probability that its confidence states. */
function calibratedError(scored: readonly Scored[], binOf: (one: Scored) => number): number {
  if (scored.length === 0) return 0;
  const random = createRandom(1);
  const places = scored.map(binOf);
  const gaps = new Float64Array(binCount);
  let sum = 0;
  for (let draw = 0; draw < draws; draw++) {
    gaps.fill(0);
    for (const [at, { confidence }] of scored.entries())
      (gaps[places[at] as number] as number) += Number(random.next() < confidence) - confidence;
    sum += gaps.reduce((total, gap) => total + Math.abs(gap), 0);
  }
  return sum / draws / scored.length;
}

/** By ranks (Mann-Whitney), ties at their mean rank. */
function auroc(scored: readonly Scored[]): number | null {
  const right = scored.filter(({ exact }) => exact).length;
  const wrong = scored.length - right;
  if (right === 0 || wrong === 0) return null;
  const sorted = scored.toSorted((a, b) => a.confidence - b.confidence);
  let ranks = 0;
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (to < sorted.length && sorted[to]?.confidence === sorted[from]?.confidence) to++;
    for (let at = from; at < to; at++) if (sorted[at]?.exact) ranks += (from + 1 + to) / 2;
    from = to;
  }
  return (ranks - (right * (right + 1)) / 2) / (right * wrong);
}

/** The curve of risk over coverage. */
export function coverageRisk(scored: readonly Scored[]): CoverageRisk {
  const sorted = scored.toSorted((a, b) => b.confidence - a.confidence);
  const points: CoveragePoint[] = [];
  let [wrong, area] = [0, 0];
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    let own = 0;
    for (; to < sorted.length && sorted[to]?.confidence === sorted[from]?.confidence; to++) {
      if (sorted[to]?.exact === false) own++;
    }
    // Within equal confidences, any order is as likely: the incorrect answers are spread evenly.
    for (let at = from; at < to; at++) area += (wrong + (own * (at + 1 - from)) / (to - from)) / (at + 1);
    wrong += own;
    const tenths = (count: number): number => Math.floor((10 * count) / sorted.length + 1e-9);
    if (tenths(to) > tenths(from)) {
      const [low, high] = shareBounds(sorted.slice(0, to).map(({ exact, group }) => ({ isHit: !exact, group })));
      const threshold = (sorted[from] as Scored).confidence;
      points.push({ coverage: to / sorted.length, cases: to, threshold, risk: wrong / to, low, high });
    }
    from = to;
  }
  return { points, area: sorted.length === 0 ? 0 : area / sorted.length };
}
