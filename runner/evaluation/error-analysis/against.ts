import type { ComparedCase } from "../../plugins/tasks/category.ts";
import { createRandom } from "../../util/random.ts";
import { sameSet } from "./categories.ts";

/** An arm beside another on the same cases. Examples are ids, drawn by the seed. */
export type Against = {
  readonly arm: string;
  readonly both_right: number;
  /** Wrong there, right here; right there, wrong here. */
  readonly fixed: number;
  readonly broken: number;
  readonly both_wrong: number;
  readonly examples: { readonly fixed: readonly string[]; readonly broken: readonly string[] };
};

/** Whether agreeing with the classical baseline tells right answers from wrong ones. */
export type Agreement = {
  readonly baseline: string;
  /** Cases in which both gave the same label set, and the share of them that is exactly right; the same of all others. */
  readonly agree: { readonly cases: number; readonly exact_match: number };
  readonly differ: { readonly cases: number; readonly exact_match: number };
};

/** What changed from another arm to this one. Both lists hold the same cases in the same order. */
export function against(
  arm: string,
  other: readonly ComparedCase[],
  own: readonly ComparedCase[],
  seed: number,
  shown: number,
): Against {
  const fixed: string[] = [];
  const broken: string[] = [];
  let [bothRight, bothWrong] = [0, 0];
  own.forEach(({ id, exact }, at) => {
    const before = other[at]?.exact === true;
    if (exact && before) bothRight++;
    else if (exact) fixed.push(id);
    else if (before) broken.push(id);
    else bothWrong++;
  });
  const draw = (ids: readonly string[]) => createRandom(seed).shuffled(ids).slice(0, shown);
  return {
    arm,
    both_right: bothRight,
    fixed: fixed.length,
    broken: broken.length,
    both_wrong: bothWrong,
    examples: { fixed: draw(fixed), broken: draw(broken) },
  };
}

/** Exact match where an arm and the baseline agree, and elsewhere. */
export function agreement(baseline: string, other: readonly ComparedCase[], own: readonly ComparedCase[]): Agreement {
  const agree = own.map(({ given }, at) => sameSet(given, other[at]?.given ?? []));
  const part = (wanted: boolean) => {
    const cases = own.filter((_, at) => agree[at] === wanted);
    const exact = cases.filter((one) => one.exact).length;
    return { cases: cases.length, exact_match: cases.length === 0 ? 0 : exact / cases.length };
  };
  return { baseline, agree: part(true), differ: part(false) };
}
