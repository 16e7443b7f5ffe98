import { holm } from "./holm.ts";
import type { Difference, Pair } from "./pair.ts";

/** A planned test of two answerers, neither of which is the subject: what training gains, or what another model does. */
export type Contrast = { readonly a: string; readonly b: string; readonly of: "training" | "model" };

/** A test of a family with its p value, and that value by Holm's method over the whole family. */
type FamilyTest = {
  readonly test:
    | "approximate randomisation"
    | "exact McNemar"
    | "exact randomisation of groups"
    | "t test over seeds and cases";
  readonly p: number;
  readonly adjusted: number;
};

/**
 * The family of planned tests, in the primary metric, with Holm's correction over all of them: one answerer against
 * each other answerer, and the planned contrasts.
 */
export type Family = {
  readonly subject: string;
  readonly metric: string;
  readonly correction: "holm";
  readonly tests: readonly (FamilyTest & { readonly against: string })[];
  /** Absent if none are planned. */
  readonly contrasts?: readonly (FamilyTest & Contrast)[];
};

/** All tests of a family, which Holm's method corrects for: those of the subject, then the contrasts. */
export const plannedTests = ({
  subject,
  tests,
  contrasts = [],
}: Family): readonly (FamilyTest & { readonly a: string; readonly b: string })[] => [
  ...tests.map((test) => ({ ...test, a: subject, b: test.against })),
  ...contrasts,
];

/** Tests the subject against each other answerer, and the contrasts, where the pair has a difference in the metric. */
export function familyOf(
  pairs: readonly Pair[],
  {
    subject,
    metric,
    exactTest,
    contrasts,
  }: Pick<Family, "subject" | "metric"> & {
    /** The test of the numbers of correct cases, if the metric is their share. */
    readonly exactTest: "exact McNemar" | "exact randomisation of groups" | undefined;
    readonly contrasts: readonly Contrast[];
  },
): Family {
  const testOf = ({ metrics, exact_match }: Pair): Pick<FamilyTest, "test" | "p"> => {
    const { p_student, p_randomisation } = metrics[metric] as Difference;
    if (exactTest !== undefined && exact_match) return { test: exactTest, p: exact_match.p };
    return p_student === null
      ? { test: "approximate randomisation", p: p_randomisation as number }
      : { test: "t test over seeds and cases", p: p_student };
  };
  const known = pairs.filter(({ metrics }) => metrics[metric] !== undefined);
  const own = known.filter(({ a }) => a === subject).map((pair) => ({ against: pair.b, ...testOf(pair) }));
  const further = contrasts.flatMap((contrast) => {
    const pair = known.find(({ a, b }) => [a, b].includes(contrast.a) && [a, b].includes(contrast.b));
    return pair === undefined ? [] : [{ ...contrast, ...testOf(pair) }];
  });
  const adjusted = holm([...own, ...further].map(({ p }) => p));
  return {
    subject,
    metric,
    correction: "holm",
    tests: own.map((test, index) => ({ ...test, adjusted: adjusted[index] as number })),
    ...(further.length === 0
      ? {}
      : {
          contrasts: further.map((test, index) => ({ ...test, adjusted: adjusted[own.length + index] as number })),
        }),
  };
}
