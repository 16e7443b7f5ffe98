import { describe, expect, it } from "vitest";
import type { Analysis } from "../../evaluation/error-analysis/analyse.ts";
import { fixtureAnalysis } from "../test-rig.ts";
import { causeExamples, findings } from "./causes.ts";

type Arms = Analysis["arms"];
type Causes = NonNullable<Arms[string]["causes"]>;

/** Findings on the fine-tuned arm of the fixture with other counts. */
function found(change: Partial<Causes>): string {
  const analysis = fixtureAnalysis();
  const arms = Object.fromEntries(
    Object.entries(analysis.arms).map(([name, arm]) => [
      name,
      name === "tuned" ? { ...arm, causes: { ...(arm.causes as Causes), ...change } } : arm,
    ]),
  );
  return findings({ ...analysis, arms }, "tuned", (arm) => arm).join("\n");
}

const change = { arm: "zero_shot", kind: "added" as const, cause: "negated" as const };

describe("a finding on errors", () => {
  it("states a change only if more errors are removed than new, or fewer, by more than chance", () => {
    expect(found({ against: [{ ...change, removed: 18, kept: 2, new: 3 }] })).toMatch(
      /corrects 18 of these 20 and adds 3/,
    );
    expect(found({ against: [{ ...change, removed: 3, kept: 2, new: 18 }] })).toMatch(
      /corrects 3 of these 5 and adds 18/,
    );
    expect(found({ against: [{ ...change, removed: 9, kept: 2, new: 3 }] })).not.toMatch(/corrects/);
    expect(found({ against: [] })).not.toMatch(/corrects/);
  });
  it("joins negated and past additions", () => {
    const against = [
      { ...change, removed: 18, kept: 2, new: 3 },
      { ...change, cause: "past" as const, removed: 6, kept: 1, new: 1 },
    ];
    expect(found({ against })).toMatch(/corrects 24 of these 27 and adds 4/);
  });
  it("states a rate of omission only if its interval does not overlap that of named labels", () => {
    const stated = (omitted: number): Causes["stated"] => [
      { name: "named", gold: 100, omitted: 10 },
      { name: "inferred", gold: 40, omitted },
    ];
    expect(found({ against: [], stated: stated(20) })).toMatch(/omits 20 of the 40 labels/);
    expect(found({ against: [], stated: stated(8) })).not.toMatch(/of the 40 labels/);
  });
  it("states errors that only the trained arm makes without a share of none", () => {
    const against = [{ arm: "zero_shot", kind: "added", cause: "negated", removed: 0, kept: 0, new: 20 }] as const;
    expect(found({ against, stated: [] })).toMatch(/tuned” adds 20 labels that .*; the arm “zero_shot” adds none/);
  });
  it("is absent for a task without labels", () => {
    const analysis = fixtureAnalysis();
    const arms = { tuned: { ...(analysis.arms.tuned as Arms[string]), causes: null } };
    expect(findings({ ...analysis, arms }, "tuned", String)).toEqual([]);
  });
});

it("an example of another arm has no quote that is chosen for its likely words alone", () => {
  const { arms, ...analysis } = fixtureAnalysis();
  const tuned = arms.tuned as Arms[string];
  const { causes } = tuned;
  const [count] = (causes as Causes).counts;
  const example = { ...(count?.example as NonNullable<typeof count>["example"] & object), name: null, trigger: null };
  const withExample = (own: typeof example | null): Arms[string] => ({
    ...tuned,
    causes: { ...(causes as Causes), counts: [{ ...(count as NonNullable<typeof count>), example: own }] },
  });
  const quoteIn = (primary: Arms[string]): boolean =>
    JSON.stringify(
      causeExamples({ ...analysis, arms: { tuned: primary, nearest: withExample(example) } }, "tuned", String),
    ).includes(": “");
  expect(quoteIn(withExample(example))).toBe(true);
  expect(quoteIn(withExample(null))).toBe(false);
});

it("an example of a cause has the trigger in bold and the name in italics", () => {
  const [negated] = causeExamples(fixtureAnalysis(), "tuned", String);
  expect(negated?.slice(6)).toEqual([{ strong: "No" }, " ", { emph: "kidney stone" }, ".", "”"]);
});
