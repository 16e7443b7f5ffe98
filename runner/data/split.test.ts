import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "../util/random.ts";
import { viewOf } from "./labels/views.ts";
import { labelCounts } from "./labels.ts";
import { assignFolds, splitValidation } from "./split.ts";
import { oversample, targetWriter } from "./target.ts";

const raw = viewOf("raw");
const study = (n: number, seed: number) => {
  const random = createRandom(seed);
  return Array.from({ length: n }, (_, index) => ({
    id: String(index),
    input: `text ${index}`,
    gold: [...new Set(Array.from({ length: random.below(5) }, () => `l${Math.floor(40 * random.next() ** 3)}`))],
  }));
};

describe("random numbers", () => {
  it("have fixed values for a seed", () => {
    const { next } = createRandom(1);
    expect([next(), next(), next()].map((value) => Math.round(value * 1e6))).toMatchInlineSnapshot(`
      [
        563672,
        585111,
        895907,
      ]
    `);
  });
  it("fill the range evenly, also for neighbouring seeds", () => {
    const bins = new Int32Array(10);
    for (let seed = 0; seed < 5000; seed++) (bins[createRandom(seed).below(10)] as number) += 1;
    for (const size of bins) expect(Math.abs(size - 500)).toBeLessThan(100);
  });
});

describe("a validation part", () => {
  const rows = study(1236, 3);
  it("has the requested size, the order of the rows, and the same rows for the same seed", () => {
    const { train, validation } = splitValidation(rows, 0.1, 13);
    expect([train.length, validation.length]).toEqual([1112, 124]);
    expect(validation).toEqual(rows.filter((row) => validation.includes(row)));
    expect(splitValidation(rows, 0.1, 13)).toEqual({ train, validation });
    expect(splitValidation(rows, 0.1, 14).validation).not.toEqual(validation);
  });
  it("has each label in proportion", () => {
    const { validation } = splitValidation(rows, 0.1, 13);
    const part = new Map(labelCounts(validation, raw).map(({ label, count }) => [label, count]));
    for (const { label, count } of labelCounts(rows, raw))
      expect(Math.abs((part.get(label) ?? 0) - count / 10), label).toBeLessThanOrEqual(2);
  });
  it("keeps rows with the same input together", () => {
    const twice = rows.flatMap((row) => [row, { ...row, input: `${row.input.toUpperCase()} ` }]);
    const { train, validation } = splitValidation(twice, 0.2, 1);
    const key = (row: { input: string }) => row.input.trim().toLowerCase();
    const inTrain = new Set(train.map(key));
    expect(validation.filter((row) => inTrain.has(key(row)))).toEqual([]);
  });
  it("exists for every study of two rows or more", () => {
    const row = fc.record({ input: fc.string(), gold: fc.array(fc.constantFrom("a", "b", "c")) });
    fc.assert(
      fc.property(
        fc.uniqueArray(row, {
          minLength: 2,
          maxLength: 30,
          selector: ({ input }) => input.replace(/\s+/g, " ").trim().toLowerCase(),
        }),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        fc.nat(),
        (all, fraction, seed) => {
          const { train, validation } = splitValidation(all, fraction, seed);
          expect(validation.length).toBe(Math.max(1, Math.min(all.length - 1, Math.round(all.length * fraction))));
          expect(train.length + validation.length).toBe(all.length);
        },
      ),
    );
  });
});

it("folds are even in size and in labels", () => {
  const rows = study(503, 4);
  const fold = assignFolds(rows, 5, 1);
  const sizes = [0, 1, 2, 3, 4].map((one) => fold.filter((value) => value === one).length);
  expect(sizes).toEqual([101, 101, 101, 100, 100]);
  for (const { label, count } of labelCounts(rows, raw))
    for (const one of [0, 1, 2, 3, 4]) {
      const here = rows.filter(({ gold }, row) => fold[row] === one && gold.includes(label)).length;
      expect(Math.abs(here - count / 5), label).toBeLessThanOrEqual(3);
    }
});

describe("targets", () => {
  const counts = [
    { label: "b", count: 5 },
    { label: "a", count: 2 },
  ];
  const write = (order: "as_is" | "alphabetical" | "frequency", separator = ",") =>
    targetWriter({ of: raw, order, separator, isSingle: false, counts })(["c", "a", "b", "a"]);
  it("have the configured order", () =>
    expect([write("as_is"), write("alphabetical"), write("frequency")]).toEqual(["c, a, b", "a, b, c", "b, a, c"]));
  it("have the study's separator", () =>
    expect([write("as_is", "|"), write("as_is", "\n")]).toEqual(["c | a | b", "c\na\nb"]));
  it("are in the configured view", () =>
    expect(
      targetWriter({ of: viewOf("basic"), order: "as_is", separator: ",", isSingle: false, counts })(["A.", "a", "B"]),
    ).toBe("a, b"));
  it("are the configured text for a row without labels", () =>
    expect(targetWriter({ of: raw, order: "as_is", separator: ",", isSingle: false, counts })([])).toBe("None"));
});

it("rows with rare labels are repeated, each copy under its own id", () => {
  const rows = [
    { id: "1", gold: ["common"] },
    { id: "2", gold: ["common", "rare"] },
    { id: "2#2", gold: [] },
    { id: "3", gold: ["often"] },
  ];
  const counts = [
    { label: "common", count: 50 },
    { label: "often", count: 8 },
    { label: "rare", count: 1 },
  ];
  const ids = oversample(rows, { rare_below: 10, max_repeat: 3, of: raw, counts }).map(({ id }) => id);
  expect(ids).toEqual(["1", "2", "2#3", "2#4", "2#2", "3", "3#2"]);
});
