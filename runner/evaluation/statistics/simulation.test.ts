import { describe, expect, it } from "vitest";
import { coverage, falseAlarms, grouped, type Population, populations } from "./simulation.ts";

/** A tenth of the studies that a soak simulates. */
const studies = 10 * Number(process.env.EXP_FAULTS ?? 20);
const size = { studies, resamples: 500, seed: 5 };
/** Three standard errors of a share near 95 %. */
const error = 3 * Math.sqrt((0.95 * 0.05) / studies);

const population = (name: string): Population => populations.find((one) => one.name === name) as Population;

describe(`of ${studies} simulated studies, 95 % intervals contain the true value`, () => {
  it.each([
    ["8 labels", 236, ["micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"], 0.93],
    ["200 labels", 80, ["micro_f1", "macro_f1", "macro_f1_min5", "exact_match"], 0.92],
    ["200 labels", 236, ["macro_f1", "macro_f1_min5"], 0.92],
    ["nearly perfect", 30, ["micro_f1", "samples_f1", "exact_match"], 0.95],
    ["one label", 80, ["exact_match", "macro_f1_min5"], 0.92],
  ] as const)("%s, n = %i", async (name, n, metrics, least) => {
    const found = await coverage(population(name), n, metrics, size);
    for (const metric of metrics) {
      expect(found[metric]?.expected, metric).toBeGreaterThanOrEqual(least - error);
      expect(found[metric]?.intervals, metric).toBe(studies);
    }
  });
});

describe(`of ${studies} pairs of equal answerers, at most 5 % differ significantly at 5 %`, () => {
  it("one training seed", async () => {
    const alarms = await falseAlarms(population("8 labels"), 236, ["micro_f1", "samples_f1", "macro_f1"], size);
    for (const [test, share] of Object.entries(alarms)) expect(share, test).toBeLessThanOrEqual(0.06 + error);
  });
  it.each([2, 3, 5])("%i training seeds", async (seeds) => {
    const alarms = await falseAlarms(population("8 labels"), 236, ["micro_f1", "exact_match"], size, seeds);
    expect(Object.keys(alarms)).toContain("micro_f1: t test over seeds and cases");
    for (const [test, share] of Object.entries(alarms)) expect(share, test).toBeLessThanOrEqual(0.05 + error);
  });
});

describe(`of ${studies} simulated studies of 80 groups of 3 cases`, () => {
  const metrics = ["micro_f1", "exact_match"];
  it("95 % intervals over groups contain the true value, and intervals over cases do not", async () => {
    const over = await coverage(grouped, 240, metrics, size);
    const asIndependent = await coverage(grouped, 240, metrics, { ...size, asIndependent: true });
    for (const metric of metrics) {
      expect(over[metric]?.expected, metric).toBeGreaterThanOrEqual(0.93 - error);
      expect(asIndependent[metric]?.expected, metric).toBeLessThanOrEqual(0.88 + error);
    }
  });
  it("at most 5 % of equal answerers differ significantly at 5 %", async () => {
    const alarms = await falseAlarms(grouped, 240, metrics, size);
    expect(Object.keys(alarms)).toContain("exact_match: exact randomisation of groups");
    for (const [test, share] of Object.entries(alarms)) expect(share, test).toBeLessThanOrEqual(0.055 + error);
  });
});
