import type { Compared } from "../../evaluation/statistics/compare.ts";
import type { Interval, IntervalMethod } from "../../evaluation/statistics/interval.ts";
import type { Naming } from "./comparison-tables.ts";

const methodNames: Readonly<Record<IntervalMethod, string>> = {
  bca: "bias-corrected and accelerated (BCa) bootstrap",
  percentile: "percentile bootstrap",
  basic: "basic bootstrap",
  jackknife: "jackknife with Student's t",
  clopper_pearson: "Clopper-Pearson",
  korn_graubard: "Korn-Graubard over groups of cases",
  bonett_price: "Bonett-Price",
  few_errors: "Clopper-Pearson bounds of the number of incorrect cases",
  student_t: "Student's t over seeds and cases",
};

/** The methods of the intervals of a comparison, and why intervals or values are absent. */
export type IntervalMethods = {
  /** "BCa bootstrap (micro-F1, samples-F1)", one text for each method. */
  readonly methods: readonly { readonly method: IntervalMethod; readonly text: string }[];
  /** "macro-F1 (fine-tuned) has no interval: REASON" or "has no value: REASON", for each reason; without the arms if it applies to all. */
  readonly absent: readonly string[];
};

/** Lists the methods that the intervals of scores, and of differences in the primary metric, were computed by. */
export function intervalMethods(
  { arms, pairs, family }: Pick<Compared, "arms" | "pairs" | "family">,
  naming: Naming,
): IntervalMethods {
  const byMethod = new Map<IntervalMethod, Set<string>>();
  const absent: string[] = [];
  /** The intervals of one value, by the arms that have it. */
  const note = (name: string, intervals: readonly (readonly [arms: string, Interval | undefined])[]): void => {
    const without = new Map<string, string[]>();
    for (const [holder, interval] of intervals) {
      if (interval === undefined) continue;
      if (interval.method === "none") {
        const what = `${"value" in interval && interval.value === null ? "value" : "interval"}: ${interval.reason}`;
        without.set(what, [...(without.get(what) ?? []), holder]);
      } else byMethod.set(interval.method, (byMethod.get(interval.method) ?? new Set()).add(name));
    }
    for (const [reason, holders] of without) {
      const where = holders.length === intervals.length ? "" : ` (${holders.join(", ")})`;
      absent.push(`${name}${where} has no ${reason}`);
    }
  };
  for (const metric of new Set(Object.values(arms).flatMap((values) => Object.keys(values)))) {
    const intervals = Object.entries(arms).map(([arm, values]) => [naming.arm(arm), values[metric]] as const);
    note(naming.metric(metric), intervals);
  }
  note(
    `difference in ${naming.metric(family.metric)}`,
    pairs.map(({ a, b, metrics }) => [`${naming.arm(a)} − ${naming.arm(b)}`, metrics[family.metric]] as const),
  );
  return {
    methods: [...byMethod].map(([method, names]) => ({
      method,
      text: `${methodNames[method]} (${[...names].join(", ")})`,
    })),
    absent,
  };
}
