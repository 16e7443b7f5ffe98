import type { CounterSet } from "./metric.ts";

/**
 * A counter set with named counters: `contribute` gives what one case adds to each, as an object. Metrics read the sums
 * by the same names. A counter to which no case contributed is absent from the sums.
 */
export function namedCounters<T, P, Name extends string, Space = unknown>(
  contribute: (target: T, prediction: P, space: Space) => Readonly<Record<Name, number>>,
): CounterSet<T, P, Readonly<Record<Name, number>>, Space> {
  return {
    open(space) {
      const numbers = new Map<string, number>();
      return {
        contribute(target, prediction, add) {
          for (const [name, amount] of Object.entries<number>(contribute(target, prediction, space))) {
            let number = numbers.get(name);
            if (number === undefined) {
              number = numbers.size;
              numbers.set(name, number);
            }
            if (amount !== 0) add(number, amount);
          }
        },
        size: () => numbers.size,
        reader() {
          const names = [...numbers];
          return (sums) =>
            Object.fromEntries(names.map(([name, number]) => [name, sums[number] ?? 0])) as Record<Name, number>;
        },
      };
    },
  };
}
