import { expect, test } from "vitest";
import { drawOrder, propose, type Setting } from "./parzen.ts";

const rates = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3];
const ranks = [2, 4, 8, 16, 32, 64];
const methods = ["lora", "dora"];

const pool: readonly Setting[] = rates.flatMap((rate) =>
  ranks.flatMap((rank) =>
    methods.map((method) => ({ setting: `${rate} ${rank} ${method}`, values: { rate, rank, method } })),
  ),
);
const names = pool.map(({ setting }) => setting);
const byName = new Map(pool.map((one) => [one.setting, one.values]));

/** A quadratic surface over the logarithms, with its maximum of 0 at one setting of the pool. */
function surface(seed: number): (name: string) => number {
  const best = pool[(seed * 37) % pool.length]?.values as Setting["values"];
  const distance = (key: string, name: string): number =>
    Math.log(byName.get(name)?.[key] as number) - Math.log(best[key] as number);
  return (name) =>
    -(distance("rate", name) ** 2) - distance("rank", name) ** 2 - (byName.get(name)?.method === best.method ? 0 : 1);
}

/** The names that TPE tries. */
function search(scoreOf: (name: string) => number, { trials, seed }: { trials: number; seed: number }): string[] {
  const tried = drawOrder(names, seed).slice(0, 5);
  while (tried.length < trials) {
    const scored = tried.toSorted((a, b) => scoreOf(b) - scoreOf(a));
    tried.push(...propose(pool, scored, { count: Math.min(2, trials - tried.length), seed }));
  }
  return tried;
}

test("proposals find better settings of a quadratic surface than a random sample of the same size", () => {
  const seeds = Array.from({ length: 24 }, (_, at) => at + 1);
  const trials = 14;
  const found = seeds.map((seed) => {
    const scoreOf = surface(seed);
    const best = (some: readonly string[]): number => Math.max(...some.map(scoreOf));
    return [best(search(scoreOf, { trials, seed })), best(drawOrder(names, seed).slice(0, trials))] as const;
  });
  const better = found.filter(([proposed, random]) => proposed > random).length;
  const worse = found.filter(([proposed, random]) => proposed < random).length;
  expect(better).toBeGreaterThan(4 * worse);
  const mean = (at: 0 | 1): number => found.reduce((sum, pair) => sum + pair[at], 0) / found.length;
  expect(mean(0)).toBeGreaterThan(mean(1) / 2);
});

test("proposals are untried, different, and the same for the same scores and seed", () => {
  const tried = drawOrder(names, 3).slice(0, 5);
  const proposed = propose(pool, tried, { count: 6, seed: 3 });
  expect(new Set([...tried, ...proposed]).size).toBe(11);
  expect(propose(pool.toReversed(), tried, { count: 6, seed: 3 })).toEqual(proposed);
  expect(propose(pool, names, { count: 2, seed: 3 })).toEqual([]);
  expect(propose(pool, names.slice(1), { count: 2, seed: 3 })).toEqual([names[0]]);
});

test("keys that vary together count once", () => {
  const values = [1, 2, 3, 4, 5, 6];
  const single = values.flatMap((a) => values.map((b) => ({ setting: `${a} ${b}`, values: { a, b } })));
  const doubled = single.map(({ setting, values: { a, b } }) => ({ setting, values: { a, b, c: a * 10 } }));
  const tried = ["2 2", "6 6", "1 5", "5 1", "4 4"];
  const given = { count: 3, seed: 1 };
  expect(propose(doubled, tried, given)).toEqual(propose(single, tried, given));
});
