import { type ViewOf, viewLabels } from "../../data/labels/views.ts";
import { f1, type Tally } from "../error-analysis/case.ts";
import { blend, type ChosenBlend, chooseBlend, type Required, type Sources } from "./ensemble.ts";

/** A case with known labels. */
export type GoldCase = Sources & { readonly gold: readonly string[] };

/** The upper ends of the bands of frequency, in training rows with a label. The last band has no end. */
const bandEnds = [5, 20, 80];

/**
 * The occurrences in validation rows at which the threshold of a band is halfway between the common one and its own;
 * undefined: all labels have the common threshold. From the simplest to the most complex.
 */
const shrinkages = [undefined, 100, 30, 10];

/** Minimum gain in micro-F1 of a more complex choice. */
const minGain = 0.005;

const folds = 5;

/** Labels with at most so many training rows, more than those of the band before, and their threshold. */
export type Band = {
  /** Absent: no limit. */
  readonly most_rows?: number;
  readonly threshold: number;
  /** Occurrences in the rows that chose it. */
  readonly validation: number;
};

/** A blend, its micro-F1 by folds with one threshold, and with the thresholds by frequency that have the best one. */
export type FrequencyChoice = ChosenBlend & {
  /** Absent if all labels have the common threshold. */
  readonly shrinkage?: number;
  readonly bands?: readonly Band[];
  readonly cross_validation?: { readonly common: number; readonly by_frequency: number };
};

/**
 * The blend with the best micro-F1, with a threshold for each band of label frequency if cross-validation on the same
 * rows shows a gain. The own threshold of a band maximises its part of micro-F1: each predicted label gains 2 if it is
 * right and costs the micro-F1 of the common threshold. The threshold of a band lies between the common one and its
 * own: with n occurrences of its labels, at n / (n + shrinkage) of the way. `counts` has the training rows of each label.
 */
export function chooseByFrequency(
  cases: readonly GoldCase[],
  of: ViewOf,
  required: Required,
  counts: ReadonlyMap<string, number>,
): FrequencyChoice {
  const common = chooseBlend(cases, of, required);
  if (required === "exactly one" || cases.length < 2 * folds) return common;
  const banded = (on: readonly GoldCase[], blend: ChosenBlend, shrinkage: number | undefined) =>
    shrinkage === undefined ? blend : withBands(on, blend, shrinkage, of, counts);
  const parts = Array.from({ length: folds }, (_, fold) => {
    const fitted = cases.filter((_one, at) => at % folds !== fold);
    return { fitted, held: cases.filter((_one, at) => at % folds === fold), common: chooseBlend(fitted, of, required) };
  });
  const tried = shrinkages.map((shrinkage) => {
    const tallies = parts.flatMap((part) => {
      const by = banded(part.fitted, part.common, shrinkage);
      return part.held.map((one) => tallyOf(one, blend(one, by, of, required).labels, of));
    });
    return { shrinkage, micro_f1: f1(sum(tallies)) };
  });
  const [single, ...others] = tried as [(typeof tried)[number], ...typeof tried];
  const chosen = others.reduce((best, one) => (one.micro_f1 >= best.micro_f1 + minGain ? one : best), single);
  const best = Math.max(...others.map(({ micro_f1 }) => micro_f1));
  const decision = banded(cases, common, chosen.shrinkage);
  return {
    ...decision,
    micro_f1: f1(sum(cases.map((one) => tallyOf(one, blend(one, decision, of, required).labels, of)))),
    ...(chosen.shrinkage === undefined ? {} : { shrinkage: chosen.shrinkage }),
    cross_validation: { common: single.micro_f1, by_frequency: best },
  };
}

/** The number of the band of a label with `count` training rows. */
const bandOf = (count: number): number => bandEnds.filter((end) => count > end).length;

function withBands(
  cases: readonly GoldCase[],
  common: ChosenBlend,
  shrinkage: number,
  of: ViewOf,
  counts: ReadonlyMap<string, number>,
): FrequencyChoice {
  type Scored = { readonly score: number; readonly isRight: boolean };
  const found = [...bandEnds, undefined].map(() => ({ scored: [] as Scored[], occurrences: 0 }));
  const foundOf = (key: string) => found[bandOf(counts.get(key) ?? 0)] as (typeof found)[number];
  for (const one of cases) {
    const gold = new Set(viewLabels(one.gold, of));
    for (const key of gold) foundOf(key).occurrences += 1;
    for (const [label, margin] of Object.entries(blend(one, common, of, "any number").margins))
      foundOf(of(label)).scored.push({ score: (margin + 1) / 2, isRight: gold.has(of(label)) });
  }
  const bands = found.map(({ scored, occurrences: n }, band): Band => {
    const end = bandEnds[band];
    const shift = ((ownThreshold(scored, common) - common.threshold) * n) / (n + shrinkage);
    return { ...(end === undefined ? {} : { most_rows: end }), threshold: common.threshold + shift, validation: n };
  });
  const thresholds = Object.fromEntries(
    [...counts].map(([key, count]) => [key, (bands[bandOf(count)] as Band).threshold]),
  );
  return { ...common, thresholds, bands };
}

/** The threshold of some labels with the greatest gain; of equal ones, the nearest to the common one. */
function ownThreshold(
  labels: readonly { readonly score: number; readonly isRight: boolean }[],
  { threshold: common, micro_f1: cost }: ChosenBlend,
): number {
  const sorted = labels.toSorted((a, b) => b.score - a.score);
  let [gain, best] = [0, { gain: 0, threshold: Math.max(common, sorted[0]?.score ?? common) }];
  for (const [at, { score, isRight }] of sorted.entries()) {
    gain += (isRight ? 2 : 0) - cost;
    const next = sorted[at + 1]?.score ?? 0;
    if (next === score) continue;
    // Between two scores, the common threshold itself is the nearest.
    const threshold = common < score && common >= next ? common : (score + next) / 2;
    const isNearer = Math.abs(threshold - common) < Math.abs(best.threshold - common);
    if (gain > best.gain || (gain === best.gain && isNearer)) best = { gain, threshold };
  }
  return best.threshold;
}

function tallyOf({ gold }: GoldCase, labels: readonly string[], of: ViewOf): Tally {
  const [given, right] = [new Set(viewLabels(labels, of)), new Set(viewLabels(gold, of))];
  return { support: right.size, predicted: given.size, hits: [...given].filter((key) => right.has(key)).length };
}

function sum(tallies: readonly Tally[]): Tally {
  const total = { support: 0, predicted: 0, hits: 0 };
  for (const { support, predicted, hits } of tallies) {
    total.support += support;
    total.predicted += predicted;
    total.hits += hits;
  }
  return total;
}

/** The thresholds of bands in words: "0.31 up to 5, 0.4 up to 20, 0.35 above". Empty without bands. */
export function bandsText(bands: unknown): string {
  if (!Array.isArray(bands)) return "";
  return (bands as readonly Band[])
    .map(({ threshold, most_rows }) => {
      const rows = most_rows === undefined ? "above" : `up to ${most_rows}`;
      return `${Number(threshold.toPrecision(3))} ${rows}`;
    })
    .join(", ");
}
