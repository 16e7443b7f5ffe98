import type { Compared } from "../../evaluation/statistics/compare.ts";
import type { Interval, IntervalMethod } from "../../evaluation/statistics/interval.ts";

const methodNames: Readonly<Record<IntervalMethod, string>> = {
  bca: "bias-corrected and accelerated (BCa) bootstrap",
  percentile: "percentile bootstrap",
  basic: "basic bootstrap",
  jackknife: "jackknife with Student's t",
  clopper_pearson: "Clopper-Pearson",
  bonett_price: "Bonett-Price",
  few_errors: "Clopper-Pearson bounds of the number of incorrect cases",
  student_t: "Student's t over seeds and cases",
};

/** The methods of the intervals of a comparison, and why intervals are absent. */
export type IntervalMethods = {
  /** "BCa bootstrap (micro-F1, samples-F1)", one text for each method. */
  readonly methods: readonly string[];
  /** "macro-F1 has no interval: REASON", one text for each reason. */
  readonly absent: readonly string[];
  readonly isBca: boolean;
  readonly isBootstrap: boolean;
};

/** Lists the methods that the intervals of scores, and of differences in the primary metric, were computed by. */
export function intervalMethods(
  { arms, pairs, family }: Pick<Compared, "arms" | "pairs" | "family">,
  metricName: (metric: string) => string,
): IntervalMethods {
  const byMethod = new Map<IntervalMethod, Set<string>>();
  const absent = new Set<string>();
  const note = (name: string, interval: Interval | undefined): void => {
    if (interval === undefined) return;
    if (interval.method === "none") absent.add(`${name} has no interval: ${interval.reason}`);
    else byMethod.set(interval.method, (byMethod.get(interval.method) ?? new Set()).add(name));
  };
  for (const values of Object.values(arms))
    for (const [metric, measured] of Object.entries(values)) note(metricName(metric), measured);
  for (const { metrics } of pairs) note(`difference in ${metricName(family.metric)}`, metrics[family.metric]);
  return {
    methods: [...byMethod].map(([method, names]) => `${methodNames[method]} (${[...names].join(", ")})`),
    absent: [...absent],
    isBca: byMethod.has("bca"),
    isBootstrap: (["bca", "percentile", "basic"] as const).some((method) => byMethod.has(method)),
  };
}
