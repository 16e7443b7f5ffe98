import { expect, it } from "vitest";
import { viewOf } from "../../data/labels/views.ts";
import { blend } from "./ensemble.ts";
import { bandsText, chooseByFrequency, type GoldCase } from "./frequency-thresholds.ts";

const basic = viewOf("basic");

/** Pseudo-random numbers from 0 to 1. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Cases in which a label is right if its score is above a limit: that of rare labels is `rare`, of others 0.6. */
function casesOf(count: number, rare: number): readonly GoldCase[] {
  const next = random(7);
  return Array.from({ length: count }, () => {
    const scores = ["common", "rare a", "rare b"].map((label) => [label, next()] as const);
    return {
      named: [],
      margins: Object.fromEntries(scores.map(([label, score]) => [label, 2 * score - 1])),
      gold: scores.flatMap(([label, score]) => (score > (label === "common" ? 0.6 : rare) ? [label] : [])),
    };
  });
}

const counts = new Map([
  ["common", 200],
  ["rare a", 3],
  ["rare b", 5],
]);

it("gives rare labels a threshold of their own where their scores are lower", () => {
  const chosen = chooseByFrequency(casesOf(200, 0.2), basic, "any number", counts);
  const { threshold, thresholds = {}, bands = [], cross_validation: measured } = chosen;
  expect(measured?.by_frequency).toBeGreaterThan((measured?.common ?? 1) + 0.02);
  expect(thresholds["rare a"]).toBe(thresholds["rare b"]);
  expect(thresholds["rare a"]).toBeLessThan(thresholds.common as number);
  expect(bands.map(({ most_rows }) => most_rows)).toEqual([5, 20, 80, undefined]);
  // Bands without an occurrence have the common threshold.
  expect(bands.filter(({ validation }) => validation === 0).map((band) => band.threshold)).toEqual([
    threshold,
    threshold,
  ]);
  const between = ((thresholds["rare a"] as number) + (thresholds.common as number)) / 2;
  const one = { named: [], margins: { "rare a": 2 * between - 1, common: 2 * between - 1 } };
  expect(blend(one, { ...chosen, weight: 0 }, basic, "any number").labels).toEqual(["rare a"]);
  expect(bandsText(bands)).toMatch(/^0\.\d+ up to 5, .* above$/);
});

it("keeps one threshold where frequency makes no difference, and with few rows", () => {
  for (const cases of [casesOf(200, 0.6), casesOf(8, 0.2)]) {
    const chosen = chooseByFrequency(cases, basic, "any number", counts);
    expect(chosen).not.toHaveProperty("thresholds");
    expect(chosen).not.toHaveProperty("shrinkage");
  }
  expect(bandsText(undefined)).toBe("");
});
