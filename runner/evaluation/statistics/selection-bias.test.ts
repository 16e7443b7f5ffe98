import { describe, expect, it } from "vitest";
import { viewOf } from "../../data/labels/views.ts";
import type { ScoredCases } from "../../plugins/metrics/metric.ts";
import { createRandom, type Random } from "../../util/random.ts";
import { classificationMetrics } from "../labels/class-metrics.ts";
import { intern, scoredCases, tabulate } from "../labels/table.ts";
import { scoresOf } from "./packed.ts";
import { scoreWithoutSelection } from "./selection-bias.ts";

const labels = ["a", "b", "c", "d", "e"];
const draws = { resamples: 200, seed: 1 };

/** Answers to `n` cases by settings that are right with the given probabilities. */
function study(n: number, shares: readonly number[], random: Random): readonly (readonly ScoredCases[])[] {
  const gold = Array.from({ length: n }, () => labels[random.below(labels.length)] as string);
  return shares.map((share) => {
    const cases = gold.map((label) => ({
      target: [label],
      prediction: [random.next() < share ? label : (labels[random.below(labels.length)] as string)],
    }));
    return [scoredCases(tabulate(intern(cases), viewOf("raw"), labels))];
  });
}

describe("the score of a winner without the selection", () => {
  it.each(["accuracy", "macro_f1"])("is unbiased for 12 equal settings and 124 cases: %s", async (name) => {
    const metric = classificationMetrics.get(name);
    const random = createRandom(7);
    const studies = 40;
    const [truth] = study(20_000, [0.7], random).map(([one]) => scoresOf(one as ScoredCases, [metric])[name] as number);
    let [apparent, corrected] = [0, 0];
    for (let at = 0; at < studies; at++) {
      const settings = study(124, new Array<number>(12).fill(0.7), random);
      apparent +=
        Math.max(...settings.map(([one]) => scoresOf(one as ScoredCases, [metric])[name] as number)) / studies;
      corrected += ((await scoreWithoutSelection(settings, metric, undefined, draws)) as number) / studies;
    }
    expect(apparent - (truth as number)).toBeGreaterThan(0.03);
    expect(Math.abs(corrected - (truth as number))).toBeLessThan(0.015);
  });
  it("is the winner's score if one setting is far better", async () => {
    const settings = study(124, [0.95, 0.2, 0.3], createRandom(2));
    const metric = classificationMetrics.get("accuracy");
    const own = scoresOf(settings[0]?.[0] as ScoredCases, [metric]).accuracy as number;
    expect(await scoreWithoutSelection(settings, metric, undefined, draws)).toBeCloseTo(own, 2);
  });
  it("resamples groups, averages over seeds, and selects the lower value of a loss", async () => {
    const [good, poor] = study(60, [0.9, 0.3], createRandom(3)) as [readonly ScoredCases[], readonly ScoredCases[]];
    const metric = classificationMetrics.get("hamming_loss");
    const groups = { count: 20, of: Int32Array.from({ length: 60 }, (_, row) => row % 20) };
    const value = await scoreWithoutSelection([poor, [...good, ...good]], metric, groups, draws);
    expect(value).toBeCloseTo(scoresOf(good[0] as ScoredCases, [metric]).hamming_loss as number, 2);
  });
});
