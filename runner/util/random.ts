/** A seeded random number generator. The same seed gives the same numbers on every machine. */
export type Random = {
  /** Uniform in [0, 1), 32 bits. */
  next(): number;
  /** Uniform integer in [0, n); the bias is below n / 2^32. */
  below(n: number): number;
  /** `count` different items in random order, or all of them if there are fewer. */
  sample<T>(items: Iterable<T>, count: number): T[];
  /** The items in random order (Fisher-Yates), as a new array. */
  shuffled<T>(items: Iterable<T>): T[];
};

/** sfc32 (Chris Doty-Humphrey, PractRand), with its state initialised by splitmix32. */
export function createRandom(seed: number): Random {
  let fill = seed >>> 0;
  const word = () => {
    fill = (fill + 0x9e3779b9) | 0;
    let mixed = fill ^ (fill >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
  let a = word();
  let b = word();
  let c = word();
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let skip = 0; skip < 12; skip++) next();
  const below = (n: number) => Math.floor(next() * n);
  const shuffled = <T>(items: Iterable<T>): T[] => {
    const result = [...items];
    for (let last = result.length - 1; last > 0; last--) {
      const other = below(last + 1);
      [result[last], result[other]] = [result[other] as T, result[last] as T];
    }
    return result;
  };
  return { next, below, shuffled, sample: (items, count) => shuffled(items).slice(0, count) };
}
