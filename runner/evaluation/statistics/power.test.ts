import { describe, expect, it } from "vitest";
import { viewOf } from "../../data/labels/views.ts";
import { createRandom } from "../../util/random.ts";
import { classificationMetrics } from "../labels/class-metrics.ts";
import { intern, scoredCases, tabulate } from "../labels/table.ts";
import { compareAll } from "./compare.ts";
import { nonInferiority } from "./non-inferiority.ts";
import type { Difference, Pair } from "./pair.ts";
import { detectableDifference } from "./power.ts";

describe("the detectable difference", () => {
  it("is 1.96 + 0.84 standard errors with many degrees of freedom, more with few, and null without variation", () => {
    expect(detectableDifference(0.01, 1e6)).toBeCloseTo(0.01 * (1.959964 + 0.841621), 5);
    expect(detectableDifference(0.01, 2)).toBeCloseTo(0.01 * (4.302653 + 1.06066), 4);
    expect(detectableDifference(0, 100)).toBeNull();
  });

  it("is significant in about 80 % of studies in which it is the true difference", async () => {
    const [studies, n] = [80, 200];
    // Independent answers of 73 % and 60 % right: 2.8 standard errors of this difference are 13 points.
    const shares = [0.73, 0.6];
    const random = createRandom(3);
    let significant = 0;
    let detectable = 0;
    for (let study = 0; study < studies; study++) {
      const arms = shares.map((share, at) => {
        const cases = Array.from({ length: n }, () => ({
          target: ["x"],
          prediction: [random.next() < share ? "x" : "y"],
        }));
        return { name: "ab"[at] as string, seeds: [scoredCases(tabulate(intern(cases), viewOf("raw"), ["x", "y"]))] };
      });
      const { pairs } = await compareAll(arms, {
        ...{ subject: "a", primary: "accuracy", metrics: [classificationMetrics.get("accuracy")] },
        bootstrap: { resamples: 100, seed: study },
      });
      const found = pairs[0]?.metrics.accuracy as Difference;
      detectable += (found.detectable as number) / studies;
      if ((found.low as number) > 0) significant++;
    }
    expect(detectable).toBeCloseTo(0.13, 2);
    expect(Math.abs(significant / studies - 0.8)).toBeLessThan(3 * Math.sqrt((0.8 * 0.2) / studies));
  });
});

describe("non-inferiority", () => {
  const difference = (low: number | undefined, high: number | undefined): Difference =>
    ({
      difference: ((low ?? 0) + (high ?? 0)) / 2,
      ...(low === undefined ? { method: "none", reason: "no variation" } : { low, high, method: "bca" }),
    }) as Difference;
  const pair = (a: string, b: string, low?: number, high?: number): Pair => ({
    ...{ a, b, exact_match: null },
    metrics: { f1: difference(low, high) },
  });
  const pairs = [
    pair("good", "reference", -0.019, 0.05),
    pair("reference", "poor", 0.021, 0.05),
    pair("wide", "reference", -0.03, 0.05),
    pair("equal", "reference"),
    pair("good", "poor", 0, 1),
  ];
  const options = { reference: "reference", metric: "f1", margin: 0.02 };

  it("is shown by an interval above minus the margin, in either order of the pair", () => {
    const { tests } = nonInferiority(pairs, { ...options, higherIsBetter: true });
    expect(tests.map(({ candidate, verdict }) => [candidate, verdict])).toEqual([
      ["good", "non-inferior"],
      ["poor", "inferior"],
      ["wide", "inconclusive"],
      ["equal", "inconclusive"],
    ]);
    expect(tests[1]).toMatchObject({ low: -0.05, high: -0.021 });
  });
  it("is turned round for a metric of which less is better", () => {
    const { tests } = nonInferiority(pairs, { ...options, higherIsBetter: false });
    expect(tests.map(({ verdict }) => verdict)).toEqual([
      "inconclusive",
      "non-inferior",
      "inconclusive",
      "inconclusive",
    ]);
  });
  it("is refused for a metric without a best direction", () => {
    expect(() => nonInferiority(pairs, { ...options, higherIsBetter: null })).toThrow(/no best direction/);
  });
});
