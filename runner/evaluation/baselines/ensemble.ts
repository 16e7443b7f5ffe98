import { type ViewOf, viewLabels } from "../../data/labels/views.ts";
import { f1 } from "../error-analysis/case.ts";

/** Label -> a value from -1, where labels without a value are, to 1. A classifier's may exceed both. */
export type Margins = Readonly<Record<string, number>>;

/**
 * The sources of a decision for one case: the labels of the language model, the margins of another source, and the
 * model's own scores of labels, if it has some.
 */
export type Sources = { readonly named: readonly string[]; readonly margins: Margins; readonly scores?: Margins };

/**
 * How the sources are combined: the weight of the model, from 0 to 1, and the score above which a label is predicted.
 * With the model's own scores, `named` is the part of its weight that its answer has; its scores have the rest.
 */
export type Blend = {
  readonly weight: number;
  readonly threshold: number;
  readonly named?: number;
  /** The threshold of labels that have another one, by their name in the view. */
  readonly thresholds?: Readonly<Record<string, number>>;
};

/**
 * Cases that get a label even if none is above the threshold: "all", in which each gets exactly one; "some"; or "none".
 */
export type Required = "exactly one" | "at least one" | "any number";

/** The candidate weights: the classifier alone, the model alone, and nine between. */
const weights = Array.from({ length: 11 }, (_, at) => at / 10);

/** The candidate parts of a model's answer. */
const parts = [0, 0.5, 1];

type Scored = { readonly key: string; readonly label: string; readonly score: number };

type Candidate = Omit<Blend, "threshold" | "thresholds">;

/** A blend with its micro-F1 on the rows that chose it. */
export type ChosenBlend = Blend & { readonly micro_f1: number };

/**
 * The blend with the best micro-F1 on rows with known gold. These rows must not be the ones that the blend is scored
 * on. Ties go to the blend nearest to equal weights, since few rows hold little evidence. `of` brings labels into a
 * view. With "exactly one" label, each case gets its best one and no threshold is chosen.
 */
export function chooseBlend(
  cases: readonly (Sources & { readonly gold: readonly string[] })[],
  of: ViewOf,
  required: Required,
): ChosenBlend {
  const gold = cases.map((one) => new Set(viewLabels(one.gold, of)));
  const total = gold.reduce((sum, one) => sum + one.size, 0);
  const hasScores = cases.some(({ scores }) => scores !== undefined);
  const candidates = weights.flatMap((weight): readonly Candidate[] =>
    hasScores && weight > 0 ? parts.map((named) => ({ weight, named })) : [{ weight }],
  );
  const tried = candidates.flatMap((candidate) => {
    const scored = cases.map((one) => support(one, candidate, of));
    const found = required === "exactly one" ? [bestLabels(scored, gold, total)] : cuts(scored, gold, total, required);
    return found.map((one) => ({ ...candidate, ...one }));
  });
  return tried.reduce((best, one) => (better(one, best) ? one : best));
}

/**
 * The labels of a case by a blend with their scores, the best first, as the model or else the other source writes them.
 */
export function blend(
  sources: Sources,
  { threshold, thresholds = {}, ...candidate }: Blend,
  of: ViewOf,
  required: Required,
): { readonly labels: readonly string[]; readonly margins: Margins } {
  const scored = support(sources, candidate, of);
  const least = required === "any number" ? 0 : 1;
  const most = required === "exactly one" ? 1 : scored.length;
  const limitOf = (key: string): number => (Object.hasOwn(thresholds, key) ? (thresholds[key] as number) : threshold);
  const isAbove = ({ key, score }: Scored): boolean => score > limitOf(key);
  return {
    labels: scored.filter((one, at) => at < most && (at < least || isAbove(one))).map(({ label }) => label),
    margins: Object.fromEntries(scored.map(({ label, score }) => [label, 2 * score - 1])),
  };
}

/** The labels of all sources, with a score from 0 (not named, margin -1) to 1 (named, margin 1), the best first. */
function support(
  { named, margins, scores = {} }: Sources,
  { weight, named: part = 1 }: Candidate,
  of: ViewOf,
): readonly Scored[] {
  type Known = { label: string; isNamed: boolean; margin: number; score: number };
  const known = new Map<string, Known>();
  const add = (label: string, more: Partial<Known>): void => {
    const before = known.get(of(label)) ?? { label, isNamed: false, margin: -1, score: -1 };
    known.set(of(label), {
      label: before.label,
      isNamed: before.isNamed || more.isNamed === true,
      margin: Math.max(before.margin, more.margin ?? -1),
      score: Math.max(before.score, more.score ?? -1),
    });
  };
  for (const label of named) add(label, { isNamed: true });
  for (const [label, score] of Object.entries(scores)) add(label, { score });
  // Of the spellings of another source, that of the best margin is kept.
  for (const [label, margin] of Object.entries(margins).sort(([, a], [, b]) => b - a)) add(label, { margin });
  known.delete("");
  return [...known]
    .map(([key, { label, isNamed, margin, score }]) => {
      const model = part * (isNamed ? 1 : 0) + (1 - part) * sure(score);
      return { key, label, score: weight * model + (1 - weight) * sure(margin) };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
}

const sure = (margin: number): number => (Math.max(-1, Math.min(1, margin)) + 1) / 2;

type Tried = { readonly threshold: number; readonly micro_f1: number };

/** Every threshold between two different scores. */
function cuts(
  scored: readonly (readonly Scored[])[],
  gold: readonly ReadonlySet<string>[],
  total: number,
  required: Required,
): Tried[] {
  const isRight = (at: number, { key }: Scored): boolean => gold[at]?.has(key) ?? false;
  // Labels that are predicted whatever the threshold is.
  const least = required === "any number" ? 0 : 1;
  const given = scored.flatMap((labels, at) => labels.slice(0, least).map((one) => isRight(at, one)));
  const all = scored
    .flatMap((labels, at) => labels.slice(least).map((one) => ({ score: one.score, right: isRight(at, one) })))
    .sort((a, b) => b.score - a.score);
  let right = given.filter(Boolean).length;
  const scoreOf = (predicted: number): number =>
    f1({ support: total, predicted: given.length + predicted, hits: right });
  const tried: Tried[] = [{ threshold: 1, micro_f1: scoreOf(0) }];
  for (const [at, one] of all.entries()) {
    if (one.right) right += 1;
    const next = all[at + 1]?.score ?? 0;
    if (next === one.score) continue;
    const middle = (one.score + next) / 2;
    // The middle of two adjacent floating-point numbers is rounded, maybe to the upper one, which would exclude it.
    const threshold = middle < one.score ? middle : next;
    tried.push({ threshold, micro_f1: scoreOf(at + 1) });
  }
  return tried;
}

function bestLabels(
  scored: readonly (readonly Scored[])[],
  gold: readonly ReadonlySet<string>[],
  total: number,
): Tried {
  const firsts = scored.map(([first]) => first);
  const right = firsts.filter((first, at) => first !== undefined && gold[at]?.has(first.key)).length;
  const predicted = firsts.filter((first) => first !== undefined).length;
  return { threshold: 0, micro_f1: f1({ support: total, predicted, hits: right }) };
}

function better(one: ChosenBlend, than: ChosenBlend): boolean {
  const fromMiddle = ({ weight }: ChosenBlend): number => Math.abs(weight - 0.5);
  const fromEqual = ({ named = 0.5 }: ChosenBlend): number => Math.abs(named - 0.5);
  const fromHalf = ({ threshold }: ChosenBlend): number => Math.abs(threshold - 0.5);
  if (one.micro_f1 !== than.micro_f1) return one.micro_f1 > than.micro_f1;
  if (fromMiddle(one) !== fromMiddle(than)) return fromMiddle(one) < fromMiddle(than);
  if (fromEqual(one) !== fromEqual(than)) return fromEqual(one) < fromEqual(than);
  return fromHalf(one) < fromHalf(than);
}
