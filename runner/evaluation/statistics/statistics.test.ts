import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { viewOf } from "../../data/labels/views.ts";
import type { ScoredCases } from "../../plugins/metrics/metric.ts";
import { namedCounters } from "../../plugins/metrics/named-counters.ts";
import { normalCdf, normalQuantile } from "../../util/normal.ts";
import { createRandom } from "../../util/random.ts";
import { labelMetrics } from "../labels/label-metrics.ts";
import { intern, scoredCases, tabulate } from "../labels/table.ts";
import { bootstrap, jackknife } from "./bootstrap.ts";
import { compareAll } from "./compare.ts";
import { holm } from "./holm.ts";
import {
  clopperPearson,
  differenceOfShares,
  metricInterval,
  resampledInterval,
  shareBounds,
  studentInterval,
} from "./interval.ts";
import { intervalsOf } from "./intervals.ts";
import { groupedExact, mcnemar } from "./mcnemar.ts";
import { caseGroups, type Packed, pack, scoresOf } from "./packed.ts";
import { randomisation } from "./randomisation.ts";
import { averageSeeds, overSeeds, seedError } from "./seeds.ts";

type Fixture = {
  readonly normal: { readonly cdf: [number, number][]; readonly quantile: [number, number][] };
  readonly mcnemar: [number, number, number][];
  readonly holm: { readonly p: number[]; readonly adjusted: number[] }[];
  readonly intervals: {
    readonly estimate: number;
    readonly left_out: number[];
    readonly values: number[];
    readonly bca: [number, number];
    readonly percentile: [number, number];
  }[];
  readonly randomisation: {
    readonly gold: string[][];
    readonly a: string[][];
    readonly b: string[][];
    readonly p: number;
  }[];
};
const fixture = JSON.parse(readFileSync(new URL("fixtures/scipy.json", import.meta.url), "utf8")) as Fixture;
const sets = (
  JSON.parse(readFileSync(new URL("../labels/fixtures/sklearn.json", import.meta.url), "utf8")) as {
    sets: { gold: string[][]; pred: string[][] }[];
  }
).sets;
const raw = viewOf("raw");
const all = [...labelMetrics];
const named = (...names: string[]) => names.map((name) => labelMetrics.get(name));
const formOf = (gold: readonly string[][], pred: readonly string[][], space?: readonly string[]) =>
  scoredCases(tabulate(intern(gold.map((target, row) => ({ target, prediction: pred[row] as string[] }))), raw, space));
const packed = (form: ScoredCases, metrics = all) => pack([form], metrics)[0] as Packed;
const near = (value: number, expected: number) =>
  expect(Math.abs(value - expected), `${value} for ${expected}`).toBeLessThanOrEqual(
    1e-9 * Math.max(1, Math.abs(expected)),
  );

describe("SciPy and statsmodels give the same:", () => {
  it("the normal distribution and its quantiles, far into the tails", () => {
    for (const [x, p] of fixture.normal.cdf) expect(Math.abs(normalCdf(x) / p - 1)).toBeLessThan(1e-12);
    for (const [p, x] of fixture.normal.quantile) near(normalQuantile(p), x);
    expect([normalQuantile(0), normalQuantile(1), normalQuantile(2)]).toEqual([-Infinity, Infinity, NaN]);
  });
  it("exact McNemar, from no disagreement to thousands", () => {
    for (const [only_a, only_b, p] of fixture.mcnemar) {
      const a = [...new Array(only_a).fill(true), ...new Array(only_b).fill(false), true, false];
      const b = [...new Array(only_a).fill(false), ...new Array(only_b).fill(true), true, false];
      const test = mcnemar(a, b);
      expect([test.only_a, test.only_b]).toEqual([only_a, only_b]);
      expect(Math.abs(test.p - p)).toBeLessThan(1e-9 * p + 1e-300);
    }
  });
  it("Holm's correction", () => {
    for (const { p, adjusted } of fixture.holm)
      holm(p).forEach((value, at) => void near(value, adjusted[at] as number));
    expect(holm([])).toEqual([]);
  });
  it("BCa and percentile intervals of the same bootstrap values", () => {
    for (const { estimate, left_out, values, bca, percentile } of fixture.intervals) {
      const of = { estimate, samples: Float64Array.from(values), leftOut: Float64Array.from(left_out) };
      const own = resampledInterval(of, "bca");
      expect(own.method).toBe("bca");
      near(own.low as number, bca[0]);
      near(own.high as number, bca[1]);
      const plain = resampledInterval(of, "percentile");
      near(plain.low as number, percentile[0]);
      near(plain.high as number, percentile[1]);
    }
  });
  it("approximate randomisation comes near the p of all 1,024 swaps", async () => {
    for (const { gold, a, b, p } of fixture.randomisation) {
      const space = gold.flat();
      const both = pack([formOf(gold, a, space), formOf(gold, b, space)], named("micro_f1"));
      const [own] = await randomisation(both, [[0, 1]], { resamples: 20_000, seed: 1 });
      expect(Math.abs((own?.[0] as number) - p)).toBeLessThan(0.015);
    }
  });
});

describe("summing under weights", () => {
  it("gives the values of repeated cases, for every metric", () => {
    for (const { gold, pred } of sets.slice(0, 60)) {
      const weights = Int32Array.from(gold, (_, row) => (row * 7) % 4);
      const repeat = (rows: readonly string[][]) =>
        rows.flatMap((row, at) => Array.from({ length: weights[at] as number }, () => row));
      const own = packed(formOf(gold, pred));
      const sums = own.sums();
      own.addAll(weights, sums);
      const values = own.emptyValues(1);
      own.score(sums, values, 0);
      const repeated = scoresOf(formOf(repeat(gold), repeat(pred)), all);
      for (const [at, { name }] of all.entries()) {
        // A resample may lack labels: the whole set decides over which labels macro averages and Hamming loss run.
        if (name === "hamming_loss" || name.includes("macro")) continue;
        if (repeated[name] === null) expect(values[at]?.[0], name).toBeNaN();
        else expect(values[at]?.[0], name).toBeCloseTo(repeated[name] as number, 12);
      }
    }
  });
  it("gives the metrics of all cases, in an open and in a fixed space", () => {
    for (const { gold, pred } of sets.slice(0, 60)) {
      for (const space of [undefined, ["a", "b", "never seen"]]) {
        const form = formOf(gold, pred, space);
        const expected = scoresOf(form, all);
        for (const [at, value] of packed(form).estimates().entries()) {
          const { name } = all[at] as (typeof all)[number];
          const other = expected[name];
          if (typeof other !== "number") expect([value, other], name).toEqual([Number.NaN, null]);
          else expect(value, name).toBeCloseTo(other, 12);
        }
      }
    }
  });
  it("leaves each case out in turn; many cases in blocks", () => {
    const { gold, pred } = sets[3] as (typeof sets)[0];
    const micro = named("micro_f1");
    const [values] = jackknife(packed(formOf(gold, pred), micro));
    expect(values).toHaveLength(gold.length);
    gold.forEach((_, out) => {
      const others = (rows: readonly string[][]) => rows.filter((_, row) => row !== out);
      expect(values?.[out]).toBeCloseTo(scoresOf(formOf(others(gold), others(pred)), micro).micro_f1 as number, 12);
    });
    const many = Array.from({ length: 25_000 }, (_, row) => [row % 3 === 0 ? "a" : "b"]);
    const [blocks] = jackknife(packed(formOf(many, many.toReversed()), micro));
    expect(blocks).toHaveLength(8334);
  });
});

describe("a metric with real-valued counters next to one with integer counters", () => {
  const errors = namedCounters((target: number, prediction: number) => ({
    cases: 1,
    error: Math.abs(target - prediction),
  }));
  const metrics = [
    {
      name: "mean_error",
      definition: "Mean absolute error",
      higherIsBetter: false,
      counters: errors,
      value: ({ cases, error }: { cases: number; error: number }) => (cases === 0 ? 0 : error / cases),
    },
    {
      name: "exact",
      definition: "Share of exact predictions",
      higherIsBetter: true,
      counters: namedCounters((target: number, prediction: number) => ({
        cases: 1,
        right: Number(target === prediction),
      })),
      value: ({ cases, right = 0 }: { cases: number; right: number }) => right / cases,
    },
  ];
  const cases = (predictions: readonly number[]): ScoredCases<number, number> => ({
    n: predictions.length,
    space: undefined,
    target: (row) => row,
    prediction: (row) => predictions[row] as number,
    isCorrect: (row) => predictions[row] === row,
  });
  const near = cases([0, 1.25, 2, 3.5, 4]);
  it("has values, left-out values and resamples", async () => {
    const own = packed(near, metrics);
    expect(own.estimates()).toEqual([0.75 / 5, 3 / 5]);
    expect(scoresOf(near, metrics)).toEqual({ mean_error: 0.75 / 5, exact: 3 / 5 });
    const [errorsWithout, exactWithout] = jackknife(own);
    expect([...(errorsWithout ?? [])]).toEqual([0.75 / 4, 0.5 / 4, 0.75 / 4, 0.25 / 4, 0.75 / 4]);
    expect([...(exactWithout ?? [])]).toEqual([0.5, 0.75, 0.5, 0.75, 0.5]);
    const [samples] = await bootstrap([own], { resamples: 4000, seed: 1 });
    const mean = [...(samples?.[0] ?? [])].reduce((sum, value) => sum + value / 4000, 0);
    expect(mean).toBeCloseTo(0.15, 2);
  });
  it("is tested in pairs", async () => {
    const { arms, pairs } = await compareAll(
      [
        { name: "near", seeds: [near] },
        { name: "far", seeds: [cases([2, 3, 4, 5, 6])] },
      ],
      { subject: "near", metrics, primary: "mean_error", bootstrap: { resamples: 400, seed: 1 } },
    );
    expect(arms.far?.mean_error?.value).toBe(2);
    expect(pairs[0]?.metrics.mean_error?.difference).toBeCloseTo(-1.85, 12);
    expect(pairs[0]?.exact_match).toMatchObject({ only_a: 3, only_b: 0 });
    expect(pairs[0]?.metrics.mean_error?.p_randomisation).toBeLessThan(0.1);
  });
  it("has no interval if it is undefined for a resample, which counts against a difference", async () => {
    const undefinedOften = {
      ...(metrics[0] as (typeof metrics)[0]),
      value: ({ cases, error }: { cases: number; error: number }) =>
        error < 0.5 || (error > 4 && error < 7) ? Number.NaN : error / cases,
    };
    const { arms, pairs } = await compareAll(
      [
        { name: "near", seeds: [near] },
        { name: "far", seeds: [cases([2, 3, 4, 5, 6])] },
      ],
      { subject: "near", metrics: [undefinedOften], primary: "mean_error", bootstrap: { resamples: 400, seed: 1 } },
    );
    const reason = "the metric is undefined for some resamples";
    expect(arms.near?.mean_error).toEqual({ value: 0.15, method: "none", reason });
    expect(pairs[0]?.metrics.mean_error).toMatchObject({ method: "none", reason, p_bootstrap: null, detectable: null });
    expect(pairs[0]?.metrics.mean_error?.p_randomisation).toBeGreaterThan(0.1);
  });
  it("keeps intervals of values and differences inside its range", async () => {
    const bounded = { ...(metrics[0] as (typeof metrics)[0]), range: [0, 0.16] as const };
    const { arms, pairs } = await compareAll(
      [
        { name: "near", seeds: [near] },
        { name: "exact", seeds: [cases([0, 1, 2, 3, 4])] },
      ],
      { subject: "near", metrics: [bounded], primary: "mean_error", bootstrap: { resamples: 400, seed: 1 } },
    );
    expect(arms.near?.mean_error?.high).toBe(0.16);
    expect(pairs[0]?.metrics.mean_error?.high).toBe(0.16);
  });
});

describe("the bootstrap", () => {
  const { gold, pred } = sets[5] as (typeof sets)[0];
  it("is the same for the same seed and another for another one, and counts all tables on the same samples", async () => {
    const own = packed(formOf(gold, pred), named("micro_f1"));
    const [first, second] = await bootstrap([own, own], { resamples: 50, seed: 3 });
    expect(first).toEqual(second);
    const [other] = await bootstrap([own], { resamples: 50, seed: 4 });
    expect(other).not.toEqual(first);
  });
  it("pauses while it counts for long", async () => {
    let pauses = 0;
    const rows = Array.from({ length: 20_000 }, () => ["a"]);
    await bootstrap(
      [packed(formOf(rows, rows), named("micro_f1"))],
      { resamples: 500, seed: 1 },
      async () => void pauses++,
    );
    expect(pauses).toBeGreaterThan(1);
  });
  it("gives no interval if the value is the same in all resamples, and the reason", () => {
    const constant = { estimate: 1, samples: new Float64Array(50).fill(1), leftOut: new Float64Array(9).fill(1) };
    expect(resampledInterval(constant, "bca")).toEqual({
      method: "none",
      reason: "the value is the same in all resamples",
    });
  });
});

describe("an interval", () => {
  const draws = { resamples: 500, seed: 1 };
  it("contains its estimate, for every metric of every set", async () => {
    for (const { gold, pred } of sets) {
      const form = formOf(gold, pred);
      const [intervals] = await intervalsOf([form], all, { resamples: 100, seed: 1 });
      const values = scoresOf(form, all);
      for (const { name } of all) {
        const { low = -1, high = 2 } = intervals?.[name] ?? {};
        if (values[name] === null) expect(intervals?.[name]?.method, name).toBe("none");
        if (values[name] === null) continue;
        expect(low - 1e-9, name).toBeLessThanOrEqual(values[name] as number);
        expect(high + 1e-9, name).toBeGreaterThanOrEqual(values[name] as number);
        expect(high, name).toBeGreaterThan(low);
      }
    }
  });
  it("is another method's if the bias-corrected one excludes the estimate, and none if all do", () => {
    const of = (values: number[]) => ({
      ...{ estimate: 0.5, samples: Float64Array.from(values), leftOut: Float64Array.from([0.4, 0.5, 0.6]) },
    });
    const skewed = resampledInterval(of(Array.from({ length: 100 }, (_, at) => 0.1 + at / 1000)), "percentile");
    expect(skewed).toMatchObject({ method: "none", reason: expect.stringContaining("biased") });
    const wide = resampledInterval(of([...new Array(90).fill(0.4), ...new Array(10).fill(0.7)]), "percentile");
    expect(wide.method).toBe("percentile");
  });
  it("of 30 of 30 correct cases starts at the exact bound of Clopper and Pearson", async () => {
    const right = Array.from({ length: 30 }, () => ["a"]);
    const [intervals] = await intervalsOf([formOf(right, right)], named("exact_match", "micro_f1"), draws);
    expect(intervals?.exact_match).toMatchObject({
      low: expect.closeTo(0.8843, 4),
      high: 1,
      method: "clopper_pearson",
    });
    expect(intervals?.micro_f1).toMatchObject({ low: expect.closeTo(0.8843, 4), high: 1, method: "few_errors" });
    expect(clopperPearson(3, 10)).toEqual([expect.closeTo(0.06674, 5), expect.closeTo(0.65245, 5)]);
  });
  it("of a score of 0 starts at 0 and has a width", async () => {
    const [gold, wrong] = ["a", "b"].map((label) => Array.from({ length: 30 }, () => [label]));
    const form = formOf(gold as string[][], wrong as string[][]);
    const [intervals] = await intervalsOf([form], named("micro_f1", "hamming_loss"), draws);
    expect(intervals?.micro_f1).toMatchObject({ low: 0, high: expect.closeTo(0.1157, 4) });
    expect(intervals?.hamming_loss).toMatchObject({ low: expect.closeTo(0.8843, 4), high: 1 });
  });
  it("of a macro average with rare labels is the jackknife's, and of frequent labels the percentile one", async () => {
    const gold = Array.from({ length: 40 }, (_, row) => (row === 0 ? ["rare", "b"] : [row % 2 === 0 ? "a" : "b"]));
    const pred = gold.map((labels, row) => (row % 3 === 0 ? ["a", "b"] : labels));
    const [intervals] = await intervalsOf([formOf(gold, pred)], named("macro_f1", "macro_f1_min5"), draws);
    expect([intervals?.macro_f1?.method, intervals?.macro_f1_min5?.method]).toEqual(["jackknife", "percentile"]);
    const [none] = await intervalsOf([formOf([["a"], ["b"]], [["a"], ["c"]])], named("macro_f1_min5"), draws);
    expect(none?.macro_f1_min5).toMatchObject({ method: "none", reason: "no label has at least 5 gold cases" });
  });
  it("of a share of cases is exact, whatever number of cases is correct", () => {
    const flat = { samples: new Float64Array(9).fill(1), leftOut: new Float64Array(10).fill(1) };
    const metric = { isShare: true as const, higherIsBetter: true };
    const found = metricInterval({ ...flat, metric, preferred: "bca", cases: 10, correct: 3, estimate: 1 });
    expect(found).toEqual({ method: "clopper_pearson", low: clopperPearson(10, 10)[0], high: 1 });
  });
  it.each([
    { cases: 6, incorrect: 6, method: "jackknife" },
    { cases: 10, incorrect: 9, method: "jackknife" },
    { cases: 10, incorrect: 5, method: "few_errors" },
    { cases: 30, incorrect: 4, method: "few_errors" },
  ])(
    "of $cases partial scores, about $incorrect below 1, contains the mean ($method)",
    ({ cases, incorrect, method }) => {
      const random = createRandom(7);
      const studies = 400;
      const share = incorrect / cases;
      const metric = { isUnitScore: true as const, higherIsBetter: true };
      const meanOf = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
      let covered = 0;
      for (let study = 0; study < studies; study++) {
        const scores = Array.from({ length: cases }, () => (random.next() < share ? random.next() : 1));
        const draw = (): number => meanOf(scores.map(() => scores[random.below(cases)] as number));
        const { low = 2, high = 2 } = metricInterval({
          metric,
          preferred: "bca",
          cases,
          correct: scores.filter((one) => one === 1).length,
          estimate: meanOf(scores),
          samples: Float64Array.from({ length: 200 }, draw),
          leftOut: Float64Array.from(scores, (_, row) => meanOf(scores.toSpliced(row, 1))),
        });
        covered += Number(low <= 1 - share / 2 && 1 - share / 2 <= high);
      }
      // Three standard errors of a share of 95 % are 3.3 %.
      expect(covered / studies).toBeGreaterThan(0.915);
      const all = Array.from({ length: cases }, (_, row) => (row < incorrect ? row / (incorrect + 1) : 1));
      const whole = {
        metric,
        preferred: "bca" as const,
        cases,
        correct: cases - incorrect,
        estimate: meanOf(all),
        samples: Float64Array.from({ length: 200 }, () => meanOf(all.map(() => all[random.below(cases)] as number))),
        leftOut: Float64Array.from(all, (_, row) => meanOf(all.toSpliced(row, 1))),
      };
      expect(metricInterval(whole).method).toBe(method);
    },
  );
  it("of equal answerers contains 0 and has a width for exact match", () => {
    expect(differenceOfShares(0, 0, 30)).toMatchObject({ method: "bonett_price" });
    const { low = 0, high = 0 } = differenceOfShares(3, 1, 30);
    expect(low < 2 / 30 && 2 / 30 < high).toBe(true);
  });
  it("never excludes its estimate: Student's is centred and clipped to the range", () => {
    expect(studentInterval(0.95, 0.1, 3, [0, 1])).toMatchObject({ high: 1, low: expect.closeTo(0.6318, 4) });
    expect(studentInterval(0.95, 0, 3).method).toBe("none");
    const cases = {
      cases: 10,
      correct: 10,
      samples: new Float64Array(9).fill(1),
      leftOut: new Float64Array(9).fill(1),
    };
    const metric = { isUnitScore: true as const, higherIsBetter: true };
    expect(metricInterval({ ...cases, metric, preferred: "bca", estimate: 1 })).toMatchObject({ high: 1 });
  });
});

describe("seeds", () => {
  it("have a mean and a deviation; one seed has no deviation", () => {
    expect(overSeeds([0.5])).toEqual({ mean: 0.5, sd: null });
    expect(overSeeds([0.2, 0.4, 0.6])).toEqual({ mean: expect.closeTo(0.4, 12), sd: expect.closeTo(0.2, 12) });
  });
  it("add their variance to that of the cases, with few degrees of freedom", () => {
    const flat = [0.4, 0.6].map((value) => new Float64Array(3).fill(value));
    expect([...averageSeeds(flat)]).toEqual([0.5, 0.5, 0.5]);
    expect(averageSeeds([flat[0] as Float64Array])).toBe(flat[0]);
    const alone = seedError({ variance: 0, freedom: 99 }, [[0.4, 0.6], [0.5]]);
    expect(alone).toEqual({ standardError: expect.closeTo(0.1, 12), freedom: 1 });
    const both = seedError({ variance: 0.01, freedom: 99 }, [[0.4, 0.6]]);
    expect(both.standardError).toBeCloseTo(Math.sqrt(0.02), 12);
    expect(both.freedom).toBeCloseTo(0.02 ** 2 / (0.01 ** 2 + 0.01 ** 2 / 99), 9);
    expect(seedError({ variance: 0, freedom: 99 }, [[0.5, 0.5]])).toEqual({ standardError: 0, freedom: 99 });
  });
});

describe("answerers compared", () => {
  const gold = Array.from({ length: 40 }, (_, row) => ["a", "b", "c"].slice(0, 1 + (row % 3)));
  const form = (wrongEvery: number) =>
    formOf(
      gold,
      gold.map((labels, row) => (row % wrongEvery === 0 ? ["x"] : labels)),
      ["a", "b", "c"],
    );
  const options = {
    metrics: named("micro_f1", "exact_match"),
    primary: "micro_f1",
    bootstrap: { resamples: 400, seed: 1 },
  };

  const gains = [
    { name: "tuned", seeds: [form(20)] },
    { name: "zero", seeds: [form(2)] },
    { name: "small.tuned", seeds: [form(10)] },
    { name: "small.zero", seeds: [form(4)] },
  ];
  const planned = {
    contrasts: [
      { a: "small.tuned", b: "small.zero", of: "training" },
      { a: "zero", b: "small.zero", of: "model" },
    ],
    interactions: [{ a: { from: "zero", to: "tuned" }, b: { from: "small.zero", to: "small.tuned" } }],
  } as const;
  it("by planned contrasts, one family with the tests of the subject", async () => {
    const { pairs, family } = await compareAll(gains, { ...options, subject: "tuned", planned });
    expect(family.contrasts?.map(({ a, b, of }) => [a, b, of])).toEqual([
      ["small.tuned", "small.zero", "training"],
      ["zero", "small.zero", "model"],
    ]);
    const all = [...family.tests, ...(family.contrasts ?? [])];
    expect(all.map(({ adjusted }) => adjusted)).toEqual(holm(all.map(({ p }) => p)));
    const pair = pairs.find(({ a, b }) => a === "small.tuned" && b === "small.zero");
    expect(family.contrasts?.[0]?.p).toBe(pair?.metrics.micro_f1?.p_randomisation);
    const without = await compareAll(gains, { ...options, subject: "tuned" });
    expect(Object.keys(without.family)).not.toContain("contrasts");
    expect(Object.keys(without)).not.toContain("interactions");
  });
  it("by the difference of two gains, on the same resamples as the gains", async () => {
    const { arms, interactions } = await compareAll(gains, { ...options, subject: "tuned", planned });
    const [found] = interactions ?? [];
    const value = (arm: string) => arms[arm]?.micro_f1?.value as number;
    const expected = value("tuned") - value("zero") - (value("small.tuned") - value("small.zero"));
    expect(found?.difference).toBeCloseTo(expected, 12);
    const samples = (
      await bootstrap(
        pack(
          gains.flatMap(({ seeds }) => seeds),
          named("micro_f1"),
        ),
        options.bootstrap,
      )
    ).map(([of]) => of as Float64Array);
    const [tuned, zero, small, smallZero] = samples as [Float64Array, Float64Array, Float64Array, Float64Array];
    const differences = tuned.map(
      (one, at) => one - (zero[at] as number) - ((small[at] as number) - (smallZero[at] as number)),
    );
    const plain = resampledInterval({ estimate: expected, samples: differences, leftOut: differences }, "percentile");
    expect(found?.method).toBe("bca");
    expect(Math.abs((found?.low as number) - (plain.low as number))).toBeLessThan(0.05);
    expect(Math.abs((found?.high as number) - (plain.high as number))).toBeLessThan(0.05);
  });
  it("by gains over several seeds, with Student's t; a gain that does not differ has no interval", async () => {
    const several = gains.map(({ name, seeds }) => ({ name, seeds: name === "tuned" ? [...seeds, form(10)] : seeds }));
    const over = await compareAll(several, { ...options, subject: "tuned", planned });
    expect(over.interactions?.[0]?.method).toBe("student_t");
    const [{ a }] = planned.interactions;
    const same = await compareAll(gains, {
      ...{ ...options, subject: "tuned" },
      planned: { contrasts: [], interactions: [{ a, b: a }] },
    });
    expect(same.interactions).toMatchObject([{ difference: 0, method: "none" }]);
  });
  it("each with each, the subject first, and the family against the subject", async () => {
    const compared = [
      { name: "poor", seeds: [form(2)] },
      { name: "good", seeds: [form(20)] },
      { name: "fair", seeds: [form(10)] },
    ];
    const { arms, pairs, family } = await compareAll(compared, { ...options, subject: "good" });
    expect(pairs.map(({ a, b }) => `${a} ${b}`)).toEqual(["good poor", "poor fair", "good fair"]);
    expect(family.tests.map(({ against }) => against)).toEqual(["poor", "fair"]);
    const [poor] = pairs as [(typeof pairs)[0]];
    expect(poor.metrics.micro_f1?.difference).toBeCloseTo(
      (arms.good?.micro_f1?.value as number) - (arms.poor?.micro_f1?.value as number),
      12,
    );
    expect(poor.exact_match).toEqual({ only_a: 18, only_b: 0, p: expect.closeTo(2 ** -17, 12) });
    expect(family.tests[0]).toMatchObject({ test: "approximate randomisation", adjusted: expect.closeTo(2 / 401, 9) });
    const [measured] = [arms.fair?.micro_f1];
    expect(measured?.low).toBeLessThan(measured?.value as number);
    expect(measured?.high).toBeGreaterThan(measured?.value as number);
  });
  it("are not tested by values that do not vary: few cases with the same difference are no evidence", async () => {
    for (const [n, p] of [
      [0, 1],
      [1, 1],
      [2, 0.5],
      [5, 0.0625],
    ] as const) {
      const gold = Array.from({ length: n }, (_, row) => [["x", "y"][row % 2] as string]);
      const [right, wrong] = [formOf(gold, gold), formOf(gold, new Array<string[]>(n).fill(["z"]))];
      const options = { subject: "a", metrics: all, primary: "micro_f1", bootstrap: { resamples: 50, seed: 1 } };
      const compare = async (seeds: number) =>
        await compareAll(
          [
            { name: "a", seeds: new Array<ScoredCases>(seeds).fill(right) },
            { name: "b", seeds: new Array<ScoredCases>(seeds).fill(wrong) },
          ],
          options,
        );
      const [one, two] = [await compare(1), await compare(2)];
      const { micro_f1: single, macro_f1: rare } = one.pairs[0]?.metrics ?? {};
      const averaged = two.pairs[0]?.metrics.micro_f1;
      expect(single?.p_bootstrap).toBe(n === 0 ? 1 : null);
      expect(rare?.high ?? 1).toBeLessThanOrEqual(1);
      expect([averaged?.p_student, two.family.tests[0]?.p]).toEqual([p, p]);
      const reason = expect.stringContaining("at least 5");
      expect(two.arms.a?.macro_f1_min5).toMatchObject({ value: null, method: "none", reason });
      expect(two.pairs[0]?.metrics.macro_f1_min5).toBeUndefined();
    }
  });
  it("averaged over seeds, with every value and their deviation, tested by Student's t over both", async () => {
    const compared = [
      { name: "good", seeds: [form(20), form(10), form(13)] },
      { name: "poor", seeds: [form(2)] },
    ];
    const { arms, pairs, family } = await compareAll(compared, { ...options, subject: "good" });
    expect(arms.good?.micro_f1?.seeds).toHaveLength(3);
    expect(arms.good?.micro_f1?.sd).toBeGreaterThan(0);
    expect(pairs[0]?.exact_match).toBeNull();
    expect(pairs[0]?.metrics.micro_f1?.p_randomisation).toBeNull();
    expect(family.tests).toMatchObject([{ against: "poor", test: "t test over seeds and cases" }]);
  });
});

describe("cases in groups", () => {
  const { gold, pred } = sets[5] as (typeof sets)[0];
  const form = formOf(gold, pred);
  const names = gold.map((_, row) => `patient ${(row * 7) % 3}`);
  const groups = caseGroups(names) as NonNullable<ReturnType<typeof caseGroups>>;
  const micro = named("micro_f1");

  it("are numbered by first occurrence; cases without a group, or alone in one, are independent", () => {
    expect(caseGroups(["b", "a", undefined, "b"])).toEqual({ count: 3, of: Int32Array.of(0, 1, 2, 0) });
    expect(caseGroups(["b", "a", undefined])).toBeUndefined();
    expect(caseGroups([undefined, undefined])).toBeUndefined();
  });
  it("are left out and swapped as a whole, with the same estimates", async () => {
    const [own] = pack([form], micro, groups) as [Packed];
    expect(own.n).toBe(3);
    expect(own.estimates()[0]).toBeCloseTo(scoresOf(form, micro).micro_f1 as number, 12);
    const [values] = jackknife(own);
    for (const group of [0, 1, 2]) {
      const rest = (rows: readonly string[][]) => rows.filter((_, row) => groups.of[row] !== group);
      expect(values?.[group]).toBeCloseTo(scoresOf(formOf(rest(gold), rest(pred)), micro).micro_f1 as number, 12);
    }
    const [samples] = await bootstrap([own], { resamples: 300, seed: 1 });
    // 10 distinct multisets of three groups.
    expect(new Set([...(samples?.[0] ?? [])].map((value) => value.toFixed(12))).size).toBeLessThanOrEqual(10);
  });
  it("have an exact test that enumerates the swaps, and equals McNemar's if each case is its own group", () => {
    const random = createRandom(4);
    for (let time = 0; time < 40; time++) {
      const [a, b] = [0, 1].map(() => Array.from({ length: 12 }, () => random.next() < 0.6)) as [boolean[], boolean[]];
      const of = Int32Array.from(a, () => random.below(5));
      let asLarge = 0;
      const difference = (swapped: number): number =>
        a.reduce((sum, own, row) => {
          const sign = (swapped >> (of[row] as number)) & 1 ? -1 : 1;
          return sum + sign * (Number(own) - Number(b[row]));
        }, 0);
      for (let swapped = 0; swapped < 32; swapped++)
        asLarge += Number(Math.abs(difference(swapped)) >= Math.abs(difference(0)));
      expect(groupedExact(a, b, { count: 5, of }).p).toBeCloseTo(asLarge / 32, 12);
      const alone = { count: 12, of: Int32Array.from(a, (_, row) => row) };
      expect(groupedExact(a, b, alone).p).toBeCloseTo(mcnemar(a, b).p, 12);
    }
  });
  it("have a nearly equal test if there are too many groups to enumerate", () => {
    const count = 12_000;
    const a = Array.from({ length: count }, (_, row) => row < 6100);
    const of = Int32Array.from(a, (_, row) => row);
    const b = a.map((own) => !own);
    expect(groupedExact(a, b, { count, of }).p).toBeCloseTo(mcnemar(a, b).p, 2);
  });
  it("widen the interval of a share, and leave one that is 0 or 1 an interval over the groups", async () => {
    const right = Array.from({ length: 240 }, (_, row) => [Math.floor(row / 3) % 4 === 0 ? "b" : "a"]);
    const threes = caseGroups(right.map((_, row) => String(Math.floor(row / 3))));
    const metrics = named("exact_match");
    const of = async (golds: string[][], preds: string[][], own?: typeof threes) =>
      (await intervalsOf([formOf(golds, preds)], metrics, { resamples: 50, seed: 1, groups: own }))[0]?.exact_match;
    const all = right.map(() => ["a"]);
    const [apart, together] = [await of(right, all), await of(right, all, threes)];
    expect([apart?.method, together?.method]).toEqual(["clopper_pearson", "korn_graubard"]);
    const width = ({ low = 0, high = 0 } = {}) => high - low;
    // All cases of a group are alike: 240 cases say as much as 80.
    expect(width(together) / width(apart)).toBeGreaterThan(Math.sqrt(3));
    expect(width(together) / width(apart)).toBeLessThan(1.85);
    expect((await of(all, all, threes))?.low).toBeCloseTo(clopperPearson(80, 80)[0], 9);
  });
  it("widen the bounds of any share", () => {
    const cases = Array.from({ length: 60 }, (_, row) => ({ isHit: row < 45, group: String(Math.floor(row / 3)) }));
    const [low, high] = shareBounds(cases);
    const [least, most] = clopperPearson(15, 20);
    expect(Math.abs(low - least) + Math.abs(high - most)).toBeLessThan(0.03);
    expect(shareBounds(cases.map(({ isHit }) => ({ isHit })))).toEqual(clopperPearson(45, 60));
  });
  it("are compared by the exact test of groups", async () => {
    const arms = [
      { name: "a", seeds: [form] },
      { name: "b", seeds: [formOf(gold, pred.toReversed())] },
    ];
    const options = { subject: "a", metrics: named("exact_match"), primary: "exact_match", groups };
    const { pairs, family } = await compareAll(arms, { ...options, bootstrap: { resamples: 50, seed: 1 } });
    expect(family.tests[0]).toMatchObject({ test: "exact randomisation of groups", p: pairs[0]?.exact_match?.p });
    expect(pairs[0]?.exact_match?.p).toBeGreaterThanOrEqual(1 / 4);
  });
});
