import type { Json } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";
import type { Task } from "../tasks/task.ts";
import type { AddTo, CounterSet, Metric, ScoredCases } from "./metric.ts";

/** A metric that a study brings, as `evaluate.metrics` declares it. */
export type OwnMetric = {
  readonly name: string;
  /** Absolute path of a Python or JavaScript file with the functions `contribute` and `value`. */
  readonly file: string;
  readonly definition?: string;
  readonly higher_is_better: boolean;
  /** Least and greatest value. */
  readonly range?: readonly number[];
  /** Seconds that one call may take. */
  readonly timeout: number;
  /** The memory that its process may use, as a size. */
  readonly memory: string;
};

/** The name of the metric of a judge (`evaluate.judge`). */
export const judgeScore = "judge_score";

/** The name of the metric of an embedding model (`evaluate.embedding`). */
export const embeddingScore = "embedding_score";

/** Names of the metrics that other models measure. */
export const measuredMetrics = ({
  judge,
  embedding,
}: {
  readonly judge?: object;
  readonly embedding?: object;
}): readonly string[] => [
  ...(judge === undefined ? [] : [judgeScore]),
  ...(embedding === undefined ? [] : [embeddingScore]),
];

/** Names of the metrics that tables show. */
export const shownMetrics = ({
  metrics,
  ...models
}: {
  readonly metrics: readonly (string | OwnMetric)[];
  readonly judge?: object;
  readonly embedding?: object;
}): readonly string[] => [
  ...metrics.map((one) => (typeof one === "string" ? one : one.name)),
  ...measuredMetrics(models),
];

/** The metrics that a study brings. */
export const ownMetrics = ({ metrics }: { readonly metrics: readonly (string | OwnMetric)[] }): readonly OwnMetric[] =>
  metrics.filter((one) => typeof one !== "string");

/** The languages of metric files, by the ends of their names. */
export const metricLanguages: Readonly<Record<string, "python" | "node">> = {
  ".py": "python",
  ".mjs": "node",
  ".js": "node",
  ".ts": "node",
  ".mts": "node",
};

/** What a metric's facts are without its functions. */
export type OwnMetricFacts = Pick<OwnMetric, "name" | "definition" | "higher_is_better" | "range">;

/** Calls the functions of a user's metric in their own process, and waits. */
export type MetricProcess = {
  /** Throws UserError `metric-failed`, `metric-too-slow`, `metric-ended`. `where` names the case in errors. */
  call(name: "contribute" | "value", args: readonly Json[]): MetricAnswer;
  close(): void;
};

/** The JSON of a result. `nan`: the result is NaN, which JSON lacks. */
export type MetricAnswer = { readonly result: Json; readonly nan?: boolean };

/** Calls with other contents than these are not repeated to find a metric that is not deterministic. */
const repeatedCalls = 50;

/** Values of summed counters that are kept. */
const keptValues = 200_000;

/** A call costs about as much time as this number of operations of the statistics. */
const callWork = 5000;

/**
 * The metric of a user's file. `open` starts its process at the first call. `plain` gives the JSON form of targets and
 * predictions; results are kept by their content.
 */
export function ownMetric(
  facts: OwnMetricFacts,
  {
    file,
    open,
    plain = (value) => value as Json,
  }: { readonly file: string; open(): MetricProcess; readonly plain?: Task["plain"] },
): Metric {
  const { range } = facts;
  let process: MetricProcess | undefined;
  const call = (...request: Parameters<MetricProcess["call"]>): MetricAnswer => {
    process ??= open();
    return process.call(...request);
  };
  const contributions = new Map<string, Readonly<Record<string, number>>>();
  const values = new Map<string, number>();
  let calls = 0;
  const failed = (what: string, help: string): UserError =>
    new UserError("metric-result", `${file}: ${what}`, { help });
  const changes = (): UserError =>
    new UserError("metric-not-deterministic", `${file}: two calls with the same arguments give different results`, {
      help: "use a fixed seed, and keep nothing between calls",
    });

  const contributionOf = (target: Json, prediction: Json): Readonly<Record<string, number>> => {
    const key = JSON.stringify([target, prediction]);
    const known = contributions.get(key);
    if (known !== undefined) return known;
    const { result } = call("contribute", [target, prediction]);
    if (!isCounters(result)) {
      const given = clipped(result);
      throw failed(
        `contribute returns ${given} for target ${clipped(target)} and prediction ${clipped(prediction)}`,
        'return a map of names to finite numbers, such as {"cases": 1, "hits": 1}',
      );
    }
    if (contributions.size < repeatedCalls) {
      const again = call("contribute", [target, prediction]).result;
      if (JSON.stringify(again) !== JSON.stringify(result)) throw changes();
    }
    contributions.set(key, result);
    return result;
  };

  const evaluated = (sums: Readonly<Record<string, number>>): number => {
    const key = JSON.stringify(sums);
    const known = values.get(key);
    if (known !== undefined) return known;
    const { result, nan } = call("value", [sums]);
    const value = nan === true ? Number.NaN : result;
    if (typeof value !== "number")
      throw failed(
        `value returns ${clipped(result)} for the sums ${clipped(sums)}`,
        "return a number, or NaN for none",
      );
    if (calls++ < repeatedCalls) {
      const again = call("value", [sums]);
      if (!Object.is(again.nan === true ? Number.NaN : again.result, value)) throw changes();
    }
    const [low, high] = range ?? [];
    if (low !== undefined && high !== undefined && (value < low - 1e-9 || value > high + 1e-9))
      throw failed(`value returns ${value}, outside its range ${low} to ${high}`, "correct the function, or `range`");
    if (values.size < keptValues) values.set(key, value);
    return value;
  };

  const counters: CounterSet = {
    open() {
      const numbers = new Map<string, number>();
      let space: unknown;
      return {
        enter(entered) {
          space = entered;
        },
        contribute(target, prediction, add: AddTo) {
          const own = contributionOf(plain(target, space, "target"), plain(prediction, space, "prediction"));
          for (const [counter, amount] of Object.entries(own)) {
            let number = numbers.get(counter);
            if (number === undefined) {
              number = numbers.size;
              numbers.set(counter, number);
            }
            if (amount !== 0) add(number, amount);
          }
        },
        size: () => numbers.size,
        reader() {
          const names = [...numbers].sort(([a], [b]) => (a < b ? -1 : 1));
          return (sums) => Object.fromEntries(names.map(([counter, number]) => [counter, sums[number] ?? 0]));
        },
      };
    },
  };
  return {
    ...factsOf(facts),
    counters,
    value: evaluated,
    work: callWork,
    async prepare(cases: ScoredCases, pause) {
      for (let row = 0; row < cases.n; row++) {
        const target = plain(cases.target(row), cases.space, "target");
        contributionOf(target, plain(cases.prediction(row), cases.space, "prediction"));
        await pause?.();
      }
    },
  };
}

/** What tables and reports need of a user's metric. It computes nothing. */
export function describedMetric(facts: OwnMetricFacts): Metric {
  const none = (): never => {
    throw new Error(`${facts.name} is described, not opened`);
  };
  return { ...factsOf(facts), counters: { open: none }, value: none };
}

function factsOf({ name, definition, higher_is_better, range }: OwnMetricFacts) {
  const [low, high] = range ?? [];
  return {
    name,
    definition: definition ?? `A metric of this study${higher_is_better ? "" : "; lower is better"}`,
    higherIsBetter: higher_is_better,
    ...(low === undefined || high === undefined ? {} : { range: [low, high] as const }),
  };
}

function isCounters(value: Json): value is Readonly<Record<string, number>> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((amount) => typeof amount === "number" && Number.isFinite(amount))
  );
}

/** A value as JSON of at most 80 characters. */
function clipped(value: Json): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
