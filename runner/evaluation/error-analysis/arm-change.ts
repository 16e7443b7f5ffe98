import type { ComparedCase } from "../../plugins/tasks/category.ts";
import { createRandom } from "../../util/random.ts";
import { sameSet } from "./categories.ts";

/** How the cases of an arm change from those of another arm. Examples are a seeded sample of ids. */
export type ArmChange = {
  readonly arm: string;
  readonly both_right: number;
  /** Wrong in the other arm and correct in this one; the reverse. */
  readonly fixed: number;
  readonly broken: number;
  readonly both_wrong: number;
  readonly examples: { readonly fixed: readonly string[]; readonly broken: readonly string[] };
};

/** Exact match where an arm agrees with the classical baseline, and where it differs. */
export type Agreement = {
  readonly baseline: string;
  /** Cases with equal predictions and the share of them that is correct; the same of all other cases. */
  readonly agree: { readonly cases: number; readonly exact_match: number };
  readonly differ: { readonly cases: number; readonly exact_match: number };
};

/** The change from another arm to this one. Both lists hold the same cases in the same order. */
export function armChange(
  arm: string,
  other: readonly ComparedCase[],
  own: readonly ComparedCase[],
  seed: number,
  shown: number,
): ArmChange {
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
  const draw = (ids: readonly string[]) => createRandom(seed).sample(ids, shown);
  return {
    arm,
    both_right: bothRight,
    fixed: fixed.length,
    broken: broken.length,
    both_wrong: bothWrong,
    examples: { fixed: draw(fixed), broken: draw(broken) },
  };
}

/** Exact match by agreement with the baseline. Both lists hold the same cases in the same order. */
export function agreement(baseline: string, other: readonly ComparedCase[], own: readonly ComparedCase[]): Agreement {
  const agree = own.map(({ given }, at) => sameSet(given, other[at]?.given ?? []));
  const part = (wanted: boolean) => {
    const cases = own.filter((_, at) => agree[at] === wanted);
    const exact = cases.filter((one) => one.exact).length;
    return { cases: cases.length, exact_match: cases.length === 0 ? 0 : exact / cases.length };
  };
  return { baseline, agree: part(true), differ: part(false) };
}
