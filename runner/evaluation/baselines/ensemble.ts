import { type ViewOf, viewLabels } from "../../data/labels/views.ts";
import { f1 } from "../error-analysis/case.ts";

/**
 * The two sources of an ensemble for one case: the labels of the language model, and the classifier's margin of each
 * label above -1.
 */
export type Sources = { readonly named: readonly string[]; readonly margins: Readonly<Record<string, number>> };

/**
 * How the sources are combined: the weight of the model, from 0 to 1, and the score above which a label is predicted.
 */
export type Blend = { readonly weight: number; readonly threshold: number };

/** The candidate weights: the classifier alone, the model alone, and nine between. */
const weights = Array.from({ length: 11 }, (_, at) => at / 10);

type Scored = { readonly key: string; readonly label: string; readonly score: number };

/**
 * The blend with the best micro-F1 on rows with known gold. These rows must not be the ones that the ensemble is scored
 * on. Ties go to the blend nearest to equal weights, since few rows hold little evidence. `of` brings labels into a
 * view. With `single`, each case gets its best label and no threshold is chosen.
 */
export function chooseBlend(
  cases: readonly (Sources & { readonly gold: readonly string[] })[],
  of: ViewOf,
  single: boolean,
): Blend & { readonly micro_f1: number } {
  const gold = cases.map((one) => new Set(viewLabels(one.gold, of)));
  const total = gold.reduce((sum, one) => sum + one.size, 0);
  const tried = weights.flatMap((weight) => {
    const scored = cases.map((one) => support(one, weight, of));
    return single ? [bestLabels(scored, gold, weight, total)] : cuts(scored, gold, weight, total);
  });
  return tried.reduce((best, one) => (better(one, best) ? one : best));
}

/** The labels of a case by a blend, the best first, as the model or else the classifier writes them. */
export function blend(sources: Sources, { weight, threshold }: Blend, of: ViewOf, single: boolean): readonly string[] {
  const scored = support(sources, weight, of);
  return (single ? scored.slice(0, 1) : scored.filter(({ score }) => score > threshold)).map(({ label }) => label);
}

/** The labels of either source, with a score from 0 (not named, margin -1) to 1 (named, margin 1), the best first. */
function support({ named, margins }: Sources, weight: number, of: ViewOf): readonly Scored[] {
  const known = new Map<string, { label: string; isNamed: boolean; margin: number }>();
  for (const label of named) if (!known.has(of(label))) known.set(of(label), { label, isNamed: true, margin: -1 });
  for (const [label, margin] of Object.entries(margins)) {
    const before = known.get(of(label));
    if (before !== undefined && before.margin >= margin) continue;
    known.set(of(label), { label: before?.isNamed ? before.label : label, isNamed: before?.isNamed ?? false, margin });
  }
  known.delete("");
  return [...known]
    .map(([key, { label, isNamed, margin }]) => {
      const sure = (Math.max(-1, Math.min(1, margin)) + 1) / 2;
      return { key, label, score: weight * (isNamed ? 1 : 0) + (1 - weight) * sure };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
}

type Tried = Blend & { readonly micro_f1: number };

/** Every threshold between two different scores. */
function cuts(
  scored: readonly (readonly Scored[])[],
  gold: readonly ReadonlySet<string>[],
  weight: number,
  total: number,
): Tried[] {
  const all = scored
    .flatMap((labels, at) => labels.map(({ key, score }) => ({ score, right: gold[at]?.has(key) ?? false })))
    .sort((a, b) => b.score - a.score);
  const tried: Tried[] = [{ weight, threshold: 1, micro_f1: 0 }];
  let right = 0;
  for (const [at, one] of all.entries()) {
    if (one.right) right += 1;
    const next = all[at + 1]?.score ?? 0;
    if (next === one.score) continue;
    const middle = (one.score + next) / 2;
    // The middle of two adjacent floating-point numbers is rounded, maybe to the upper one, which would exclude it.
    const threshold = middle < one.score ? middle : next;
    tried.push({ weight, threshold, micro_f1: f1({ support: total, predicted: at + 1, hits: right }) });
  }
  return tried;
}

function bestLabels(
  scored: readonly (readonly Scored[])[],
  gold: readonly ReadonlySet<string>[],
  weight: number,
  total: number,
): Tried {
  const firsts = scored.map(([first]) => first);
  const right = firsts.filter((first, at) => first !== undefined && gold[at]?.has(first.key)).length;
  const predicted = firsts.filter((first) => first !== undefined).length;
  return { weight, threshold: 0, micro_f1: f1({ support: total, predicted, hits: right }) };
}

function better(one: Tried, than: Tried): boolean {
  const fromMiddle = ({ weight }: Tried): number => Math.abs(weight - 0.5);
  const fromHalf = ({ threshold }: Tried): number => Math.abs(threshold - 0.5);
  if (one.micro_f1 !== than.micro_f1) return one.micro_f1 > than.micro_f1;
  if (fromMiddle(one) !== fromMiddle(than)) return fromMiddle(one) < fromMiddle(than);
  return fromHalf(one) < fromHalf(than);
}
