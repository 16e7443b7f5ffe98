/**
 * A tree-structured Parzen estimator over declared values (Bergstra et al., 2011, "Algorithms for hyper-parameter
 * optimization", NeurIPS 24). It proposes the untried setting with the highest ratio of two densities: that of the
 * best settings and that of all others. Kernels are products over keys, so that the estimator sees interactions.
 */
import { createHash } from "node:crypto";
import type { Json } from "../../util/canonical.ts";

/** A setting of a sweep: its name, and the values of the keys that vary. */
export type Setting = { readonly setting: string; readonly values: { readonly [key: string]: Json } };

/** Share of the scored settings that count as the best. */
const bestShare = 0.2;
/** Kernel width of a single numeric observation, as a share of the key's range. */
const width = 0.25;
/** Values of a key that span at least this ratio are compared by their logarithms. */
const logRatio = 10;

/** The order in which a seeded random sample draws settings. A larger sample contains a smaller one. */
export function drawOrder(settings: readonly string[], seed: number): readonly string[] {
  const rank = (setting: string): string => createHash("sha256").update(`${seed}\n${setting}`).digest("hex");
  return settings
    .map((setting) => [rank(setting), setting] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, setting]) => setting);
}

/**
 * Names of the next `count` settings of `pool`, best first. `scored` lists the tried settings from the best to the
 * worst. Equal candidates are taken in the order of a random sample with this seed. A proposed setting counts as a bad
 * one for the next proposals, so that settings of one batch differ.
 */
export function propose(
  pool: readonly Setting[],
  scored: readonly string[],
  { count, seed }: { readonly count: number; readonly seed: number },
): readonly string[] {
  const keys = keysOf(pool);
  const byName = new Map(pool.map((one) => [one.setting, one]));
  const tried = scored.flatMap((name) => byName.get(name) ?? []);
  const good = tried.slice(0, Math.ceil(tried.length * bestShare));
  const bad = tried.slice(good.length);
  const done = new Set(scored);
  let left = drawOrder(
    pool.flatMap(({ setting }) => (done.has(setting) ? [] : [setting])),
    seed,
  );
  const proposed: string[] = [];
  while (proposed.length < count && left.length > 0) {
    const best = density(good, keys);
    const others = density(bad, keys);
    const ratio = (name: string): number => {
      const one = byName.get(name) as Setting;
      return Math.log(best(one)) - Math.log(others(one));
    };
    const ratios = left.map(ratio);
    const next = left[ratios.indexOf(Math.max(...ratios))] as string;
    proposed.push(next);
    bad.push(byName.get(next) as Setting);
    left = left.filter((name) => name !== next);
  }
  return proposed;
}

/**
 * A key with the number of its values, and the probability of a value near an observed one, given the number of
 * observations. The probabilities of all values sum to 1.
 */
type Key = { readonly name: string; readonly size: number; readonly kernel: Kernel };
type Kernel = (value: Json, observed: Json, observations: number) => number;

/** The keys that vary. Of keys that vary together, as those of `zip` do, only the first one counts. */
function keysOf(pool: readonly Setting[]): readonly Key[] {
  const keys: Key[] = [];
  const patterns = new Set<string>();
  for (const name of Object.keys(pool[0]?.values ?? {}).sort()) {
    const texts = pool.map(({ values }) => JSON.stringify(values[name]));
    const distinct = [...new Set(texts)];
    const index = new Map(distinct.map((text, at) => [text, at]));
    const pattern = texts.map((text) => index.get(text)).join();
    if (distinct.length < 2 || patterns.has(pattern)) continue;
    patterns.add(pattern);
    const domain = distinct.map((text) => JSON.parse(text) as Json);
    keys.push({ name, size: domain.length, kernel: kernelOf(domain) });
  }
  return keys;
}

function kernelOf(domain: readonly Json[]): Kernel {
  const numbers = domain.filter((value) => typeof value === "number");
  if (numbers.length < domain.length) {
    // One observation is worth as much as all values have before any.
    const [same, other] = [(1 + 1 / domain.length) / 2, 1 / domain.length / 2];
    return (value, observed) => (JSON.stringify(value) === JSON.stringify(observed) ? same : other);
  }
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const isLog = low > 0 && high / low >= logRatio;
  const scale = (value: number): number =>
    isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  const places = numbers.map(scale);
  const bell = (distance: number, size: number): number => Math.exp(-0.5 * (distance / (width * size ** -0.2)) ** 2);
  return (value, observed, size) => {
    const centre = scale(observed as number);
    const total = places.reduce((sum, place) => sum + bell(place - centre, size), 0);
    return bell(scale(value as number) - centre, size) / total;
  };
}

/** The mean of a uniform density over all combinations of values and of the kernels at the observed settings. */
function density(observed: readonly Setting[], keys: readonly Key[]): (one: Setting) => number {
  const uniform = keys.reduce((product, { size }) => product / size, 1);
  return ({ values }) => {
    const near = observed.map((other) =>
      keys.reduce(
        (product, { name, kernel }) =>
          product * kernel(values[name] as Json, other.values[name] as Json, observed.length),
        1,
      ),
    );
    return (uniform + near.reduce((sum, one) => sum + one, 0)) / (observed.length + 1);
  };
}
