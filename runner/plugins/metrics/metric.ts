import type { Json } from "../../util/canonical.ts";
import type { Citation } from "../citation.ts";

/**
 * A number about a set of predictions, given as what one case contributes and a function of the sum.
 *
 * Statistics sum the contributions of cases under weights: the bootstrap (how often a case is drawn), the jackknife
 * (all but one), randomisation (the cases that are swapped). They need nothing else, so every metric gets intervals and
 * paired tests.
 */
// biome-ignore lint/suspicious/noExplicitAny: a registry holds metrics over any type of counters
export interface Metric<T = any, P = any, S = any, Space = any> {
  readonly name: string;
  /** The name in reports: "micro-F1". Default: the name with spaces in place of underscores. */
  readonly displayName?: string;
  /** One line by which reports and the workbook define the metric. */
  readonly definition: string;
  /** The definition with the settings by which an experiment scores (`Task.scoring`). Default: `definition`. */
  definitionWith?(scoring: Json): string;
  /** The works that define the metric. */
  readonly citations?: readonly Citation[];
  /** The metric that the Hugging Face hub registers for it, and the arguments that tell it apart. For model cards. */
  readonly hub?: { readonly id: string; readonly args?: Readonly<Record<string, string>> };
  /** null for a metric that describes answers and has no best direction, such as their length. It ranks nothing. */
  readonly higherIsBetter: boolean | null;
  /**
   * True for the share of correct cases: a paired test of it is the exact McNemar test over the cases that one side has
   * right and the other has not.
   */
  readonly isShareCorrect?: true;
  /** True for a share of the cases: its interval is exact for a proportion. Implied by `isShareCorrect`. */
  readonly isShare?: true;
  /**
   * True for a mean-like value from 0 to 1 that is the best one if every case is correct. If few cases are incorrect,
   * its interval follows from their number, since resamples are then too alike.
   */
  readonly isUnitScore?: true;
  /** Least and greatest value. `isShareCorrect`, `isShare` and `isUnitScore` imply 0 and 1. Default: unlimited. */
  readonly range?: readonly [low: number, high: number];
  /** How the interval is computed, by the sums over all cases. Default: "bca". */
  intervalMethod?(sums: S): PreferredInterval;
  /**
   * What a case contributes. Metrics that name the same counter set share its counters, which are packed and summed
   * once.
   */
  readonly counters: CounterSet<T, P, S, Space>;
  /**
   * The metric of summed counters. 0 / 0 is 0; NaN if the metric has no meaning for these cases: reports then show
   * none.
   */
  value(sums: S): number;
  /** The cost of a call of `value`, in operations of the statistics. Default: little. */
  readonly work?: number;
  /** Does slow work that `contribute` needs for cases. Called before they contribute; `pause` lets other work run. */
  prepare?(cases: ScoredCases<T, P, Space>, pause?: () => Promise<void>): Promise<void>;
}

/** The method of a metric's interval, or the reason why these cases allow none. */
export type PreferredInterval = "bca" | "percentile" | "jackknife" | { readonly none: string };

/** Counters that one or several metrics read. A counter set is known by its identity. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export interface CounterSet<T = any, P = any, S = any, Space = any> {
  /** Starts counting. Sets of cases that are compared with each other are counted by one Counting, over one space. */
  open(space: Space): Counting<T, P, S, Space>;
}

/** Adds an amount, by default 1, to a counter. Counters are numbered from 0. */
export type AddTo = (counter: number, amount?: number) => void;

/** Summed counters by their numbers. */
export type Sums = Float64Array;

/** What is known about one answer in addition to its prediction. */
export type Measured = {
  /** The score that a judge gave. */
  readonly judgement?: number | undefined;
  /** The similarity to the target by an embedding model. */
  readonly similarity?: number | undefined;
  /** Average precision of the scores that the answerer gave to all labels. */
  readonly precision?: number | undefined;
};

export interface Counting<T, P, S, Space = unknown> {
  /** Called before the cases of each set contribute, with the space of that set. */
  enter?(space: Space): void;
  /** Adds what one case contributes. */
  contribute(target: T, prediction: P, add: AddTo, measured?: Measured): void;
  /** How many counters there are, once all cases have contributed. */
  size(): number;
  /**
   * Makes the function that reads summed counters of one set of cases. Called once all cases have contributed. `whole`
   * holds the sums over all cases of the set. The function may return the same object each time.
   */
  reader(whole: Sums): (sums: Sums) => S;
}

/** Cases in the form in which a task compares targets with predictions. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export interface ScoredCases<T = any, P = any, Space = any> {
  /** Number of cases. */
  readonly n: number;
  /** What targets and predictions are drawn from: labels of a study, for example. The task defines it. */
  readonly space: Space;
  target(row: number): T;
  prediction(row: number): P;
  /** What a judge, an embedding model or a ranking measured of the answer. Absent: there is none. */
  measured?(row: number): Measured | undefined;
  /** Whether the prediction of a case is entirely correct. */
  isCorrect(row: number): boolean;
  /**
   * Whether every metric of the other cases equals that of these, because they are equal but for names. Default:
   * unknown.
   */
  isSame?(other: ScoredCases): boolean;
}

/** The definition of a metric with the settings of an experiment. */
export function definitionOf(metric: Pick<Metric, "definition" | "definitionWith">, scoring: Json | undefined): string {
  return scoring === undefined || metric.definitionWith === undefined
    ? metric.definition
    : metric.definitionWith(scoring);
}

/** Whether one value of a metric is better than another. Never for a metric without a best direction. */
export function isBetter({ higherIsBetter }: Pick<Metric, "higherIsBetter">, value: number, other: number): boolean {
  if (higherIsBetter === null) return false;
  return higherIsBetter ? value > other : value < other;
}

/** Least and greatest value of a metric; undefined if it is unlimited. */
export function rangeOf({
  range,
  isShareCorrect,
  isShare,
  isUnitScore,
}: Pick<Metric, "range" | "isShareCorrect" | "isShare" | "isUnitScore">):
  | readonly [low: number, high: number]
  | undefined {
  return isShareCorrect === true || isShare === true || isUnitScore === true ? [0, 1] : range;
}
