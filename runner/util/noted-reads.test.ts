import { expect, test } from "vitest";
import { LastResult } from "./noted-reads.ts";

type Record = {
  readonly name: string;
  readonly list: readonly number[];
  readonly train?: { readonly rank: number; readonly seed?: number; readonly keep: object };
};

const keep = Object.freeze({ best: "loss" });
const list = [1, 2];
const record = (train?: Record["train"], name = "x"): Record =>
  Object.freeze({ name, list, ...(train === undefined ? {} : { train: Object.freeze(train) }) });

/** How often a function is called for some records, one after the other. */
function calls(read: (one: Record) => unknown, ...records: readonly Record[]): number {
  const last = new LastResult<Record, unknown>(2);
  let count = 0;
  for (const one of records) {
    const expected = JSON.stringify(read(one));
    const found = last.call(one, (seen) => {
      count++;
      return read(seen);
    });
    expect(JSON.stringify(found)).toBe(expected);
  }
  return count;
}

test("a function is called again only if something that it read has another value", () => {
  const [a, b, c] = [record({ rank: 1, keep }), record({ rank: 2, keep }), record({ rank: 2, keep }, "y")];
  expect(calls((one) => one.train?.rank, a, b, c)).toBe(2);
  expect(calls((one) => one.name, a, b, c)).toBe(2);
  expect(calls((one) => one.train?.keep, a, b, c)).toBe(1);
  expect(calls((one) => one.train?.keep, a, record({ rank: 1, keep: { best: "loss" } }))).toBe(2);
  expect(calls((one) => one.list.length, a, b, c)).toBe(1);
});

test("a key that is absent, or a list of keys, is read too", () => {
  const [none, some, seeded] = [record(), record({ rank: 1, keep }), record({ rank: 1, keep, seed: 3 })];
  expect(calls((one) => one.train === undefined, none, some, some)).toBe(2);
  expect(calls((one) => one.train !== undefined, some, seeded, none)).toBe(2);
  expect(calls((one) => one.train?.seed ?? 0, some, seeded)).toBe(2);
  expect(calls((one) => "train" in one, some, none)).toBe(2);
  expect(calls((one) => Object.keys(one).length, some, seeded, none)).toBe(2);
  expect(calls((one) => ({ ...one.train }), some, seeded)).toBe(2);
  expect(calls((one) => ({ ...one }).train?.rank, some, record({ rank: 2, keep }))).toBe(2);
  expect(calls(({ train: _train, ...rest }) => rest, some, record({ rank: 1, keep }, "y"))).toBe(2);
});

test("other values that the result depends on are compared too", () => {
  const last = new LastResult<Record, number>(2);
  let count = 0;
  const call = (...others: readonly unknown[]) => last.call(record(), () => ++count, others);
  expect([call("a"), call("a"), call("b"), call("b", 1), call("b", 1)]).toEqual([1, 1, 2, 3, 3]);
});
