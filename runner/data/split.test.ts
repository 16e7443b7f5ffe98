import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "../util/random.ts";
import { viewOf } from "./labels/views.ts";
import { labelCounts } from "./labels.ts";
import { assignFolds, holdOut, takePart } from "./split.ts";
import { oversample, oversampleByColumn, targetWriter } from "./target.ts";

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

/** Rows of distinct words, so that no two are near-duplicates. */
const report = (index: number): string => {
  const random = createRandom(index);
  return Array.from({ length: 30 }, () => `w${random.below(5000)}`).join(" ");
};
const byId = (seed: number) => ({ seed, keyOf: ({ id }: { readonly id: string }) => id });
const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

describe("a held-out part", () => {
  const rows = study(1236, 3).map((row, index) => ({ ...row, input: report(index) }));
  const { rest, held } = holdOut(rows, 0.1, byId(13));
  it("has the requested size, the order of the rows, and the same rows for the same seed", () => {
    expect([rest.length, held.length]).toEqual([1112, 124]);
    expect(held).toEqual(rows.filter((row) => held.includes(row)));
    expect(holdOut(rows, 0.1, byId(13))).toEqual({ rest, held });
    expect(holdOut(rows, 0.1, byId(14)).held).not.toEqual(held);
  });
  it("has each label of rows with one label in proportion, whatever the hash draws", () => {
    const counts = { negative: 26, positive: 20, neutral: 14 };
    const labels = Object.entries(counts).flatMap(([label, count]) => Array.from({ length: count }, () => label));
    const single = labels.map((label, index) => ({ id: String(100 + index), input: report(index), gold: [label] }));
    for (let seed = 0; seed < 20; seed++) {
      const part = holdOut(single, 0.2, byId(seed)).held;
      expect(part).toHaveLength(12);
      for (const [label, count] of Object.entries(counts))
        expect(
          Math.abs(part.filter(({ gold }) => gold[0] === label).length - count * 0.2),
          `${seed} ${label}`,
        ).toBeLessThanOrEqual(Math.sqrt(count * 0.2 * 0.8));
    }
  });
  it("has each label in proportion, to one standard deviation of a random draw", () => {
    const part = new Map(labelCounts(held, raw).map(({ label, count }) => [label, count]));
    for (const { label, count } of labelCounts(rows, raw))
      expect(Math.abs((part.get(label) ?? 0) - count / 10), label).toBeLessThanOrEqual(
        Math.max(1, Math.sqrt(0.09 * count)) + 1,
      );
  });
  it("does not depend on the order of the rows", () => {
    const shuffled = holdOut(createRandom(2).shuffled(rows), 0.1, byId(13)).held;
    expect(ids(shuffled).sort()).toEqual(ids(held).sort());
    const byContent = (all: typeof rows) => ids(holdOut(all, 0.1, { seed: 1 }).held).sort();
    expect(byContent(rows.toReversed())).toEqual(byContent(rows));
  });
  it("keeps other rows in place if a row is added", () => {
    const own = new Set(ids(held));
    const changed = Array.from({ length: 20 }, (_, time) => {
      const without = rows.filter((_, row) => row !== 61 * time);
      const now = new Set(ids(holdOut(without, 0.1, byId(13)).held));
      return without.filter(({ id }) => own.has(id) !== now.has(id)).length;
    });
    // Of 124 held-out rows: the part keeps its size and its labels.
    expect(changed.sort((a, b) => a - b)[10]).toBeLessThanOrEqual(2);
    expect(Math.max(...changed)).toBeLessThanOrEqual(8);
  });
  it("keeps rows with the same or nearly the same input together", () => {
    const twice = rows.flatMap((row) => [
      row,
      { ...row, id: `${row.id} again`, input: `${row.input.toUpperCase()} ` },
      { ...row, id: `${row.id} longer`, input: `${row.input} One further sentence.` },
    ]);
    const split = holdOut(twice, 0.2, byId(1));
    const original = ({ id }: { readonly id: string }) => id.split(" ")[0];
    const inRest = new Set(split.rest.map(original));
    expect(split.held.filter((row) => inRest.has(original(row)))).toEqual([]);
    expect(Math.abs(split.held.length - 0.2 * twice.length)).toBeLessThanOrEqual(2);
  });
  it("keeps groups together, also in folds", () => {
    const grouped = rows.map((row, index) => ({ ...row, group: `patient ${(index * 7) % 400}` }));
    const apart = holdOut(grouped, 0.2, byId(1));
    const groups = (part: typeof grouped) => new Set(part.map(({ group }) => group));
    expect([...groups([...apart.held])].filter((group) => groups([...apart.rest]).has(group))).toEqual([]);
    expect(Math.abs(apart.held.length - 0.2 * rows.length)).toBeLessThanOrEqual(2);
    const fold = assignFolds(grouped, 5, byId(1));
    const foldsOf = new Map<string, Set<number>>();
    for (const [row, { group }] of grouped.entries())
      foldsOf.set(group, (foldsOf.get(group) ?? new Set()).add(fold[row] as number));
    for (const [group, own] of foldsOf) expect(own.size, group).toBe(1);
  });
  it("exists for every study of two rows or more", () => {
    const row = fc.record({ id: fc.string(), gold: fc.array(fc.constantFrom("a", "b", "c")) });
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 2, maxLength: 30 }),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        fc.nat(),
        (all, fraction, seed) => {
          const own = all.map((one, index) => ({ ...one, input: report(index) }));
          const { rest, held } = holdOut(own, fraction, { seed });
          expect(held.length).toBe(Math.max(1, Math.min(all.length - 1, Math.round(all.length * fraction))));
          expect(rest.length + held.length).toBe(all.length);
        },
      ),
      { numRuns: 50 },
    );
  });
});

it("folds are even in size and in labels", () => {
  const rows = study(503, 4).map((row, index) => ({ ...row, input: report(index) }));
  const fold = assignFolds(rows, 5, byId(1));
  const sizes = [0, 1, 2, 3, 4].map((one) => fold.filter((value) => value === one).length);
  expect(sizes).toEqual([101, 101, 101, 100, 100]);
  for (const { label, count } of labelCounts(rows, raw))
    for (const one of [0, 1, 2, 3, 4]) {
      const here = rows.filter(({ gold }, row) => fold[row] === one && gold.includes(label)).length;
      expect(Math.abs(here - count / 5), label).toBeLessThanOrEqual(Math.max(1, Math.sqrt(0.16 * count)) + 1);
    }
});

it("a sample is the same for the same seed and any order of the rows, and keeps the order", () => {
  const all = Array.from({ length: 100 }, (_, index) => ({ id: String(index), input: `text ${index}` }));
  const part = takePart(all, 10, byId(1));
  expect(part).toEqual(all.filter((row) => part.includes(row)));
  expect(new Set(takePart(all.toReversed(), 10, byId(1)))).toEqual(new Set(part));
  expect(takePart(all, 10, byId(2))).not.toEqual(part);
  expect(takePart(all, 200, byId(1))).toEqual(all);
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
  const counts = new Map([
    ["common", 50],
    ["often", 8],
    ["rare", 1],
  ]);
  const groupsOf = ({ gold }: (typeof rows)[number]) => gold;
  const ids = oversample(rows, { rare_below: 10, max_repeat: 3, groupsOf, counts }).map(({ id }) => id);
  expect(ids).toEqual(["1", "2", "2#3", "2#4", "2#2", "3", "3#2"]);
});

it("rows are repeated by the value of a column; a row without a value is not", () => {
  const rows = ["a", "b", "a", "", "a", "b"].map((stratum, at) => ({ id: String(at), stratum }));
  const ids = oversampleByColumn(rows, { rare_below: 3, max_repeat: 4 }).map(({ id }) => id);
  expect(ids).toEqual(["0", "1", "1#2", "2", "3", "4", "5", "5#2"]);
});
