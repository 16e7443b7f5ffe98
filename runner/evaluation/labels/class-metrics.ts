import type { CounterSet, Metric } from "../../plugins/metrics/metric.ts";
import { Registry } from "../../plugins/registry.ts";
import { type Columns, type LabelSpace, unreadable } from "./counters.ts";
import { labelMetrics, macroInterval } from "./label-metrics.ts";

/** What metrics of one class per case are computed from. Several labels of one case are one combined class. */
type ClassCounts = {
  /** Cases, and cases whose class is right. */
  readonly n: number;
  readonly correct: number;
  /** By class: gold cases, predicted cases, and cases that are both. */
  readonly gold: Float64Array;
  readonly predicted: Float64Array;
  readonly hits: Float64Array;
  /** By class: gold cases of the whole set, the same for every resample. */
  readonly wholeSupport: Float64Array;
  readonly minCases: number;
};

/** Offsets of the counters of a class. */
const [both, onlyGold, onlyPredicted] = [0, 1, 2] as const;

const classCounters: CounterSet<Columns, Columns, ClassCounts, LabelSpace> = {
  open({ minCases }) {
    const classes = new Map<string, number>();
    const counterOf = (columns: Columns): number => {
      const name = columns[0] === unreadable[0] ? "unreadable" : columns.toSorted().join();
      const counter = classes.get(name) ?? 3 * classes.size;
      classes.set(name, counter);
      return counter;
    };
    return {
      contribute(gold, predicted, add) {
        const [own, other] = [counterOf(gold), counterOf(predicted)];
        if (own === other) add(own + both);
        else {
          add(own + onlyGold);
          add(other + onlyPredicted);
        }
      },
      size: () => 3 * classes.size,
      reader(whole) {
        const counters = [...classes.values()];
        const sum = (sums: Float64Array, one: number, other: number): Float64Array =>
          Float64Array.from(counters, (counter) => (sums[counter + one] as number) + (sums[counter + other] as number));
        const wholeSupport = sum(whole, both, onlyGold);
        return (sums) => {
          const gold = sum(sums, both, onlyGold);
          const hits = Float64Array.from(counters, (counter) => sums[counter + both] as number);
          return {
            ...{ gold, hits, wholeSupport, minCases },
            predicted: sum(sums, both, onlyPredicted),
            n: gold.reduce((total, count) => total + count, 0),
            correct: hits.reduce((total, count) => total + count, 0),
          };
        };
      },
    };
  },
};

const product = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, count, at) => sum + count * (b[at] as number), 0);

/** Cohen's kappa, as scikit-learn's; 0 if the expected agreement is 1. */
function kappa({ n, correct, gold, predicted }: ClassCounts): number {
  const expected = n === 0 ? 1 : product(gold, predicted) / n ** 2;
  return expected === 1 ? 0 : (correct / n - expected) / (1 - expected);
}

/** Matthews' correlation coefficient of several classes (Gorodkin 2004), as scikit-learn's; 0 if it is undefined. */
function correlation({ n, correct, gold, predicted }: ClassCounts): number {
  const spread = (n ** 2 - product(predicted, predicted)) * (n ** 2 - product(gold, gold));
  return spread <= 0 ? 0 : (correct * n - product(gold, predicted)) / Math.sqrt(spread);
}

function balanced({ gold, hits, wholeSupport }: ClassCounts): number {
  let sum = 0;
  let classes = 0;
  for (let at = 0; at < wholeSupport.length; at++) {
    if (wholeSupport[at] === 0) continue;
    classes++;
    const cases = gold[at] as number;
    sum += cases === 0 ? 0 : (hits[at] as number) / cases;
  }
  return classes === 0 ? 0 : sum / classes;
}

/** Metrics of tasks with one label a case. Names are scikit-learn's. */
export const classMetrics: readonly Metric<Columns, Columns, ClassCounts, LabelSpace>[] = [
  {
    name: "accuracy",
    hub: { id: "accuracy" },
    definition: "Proportion of cases whose predicted label is the gold label",
    higherIsBetter: true,
    isShareCorrect: true,
    isUnitScore: true,
    counters: classCounters,
    value: ({ n, correct }) => (n === 0 ? 0 : correct / n),
  },
  {
    name: "balanced_accuracy",
    definition: "Mean recall over the labels that have gold cases",
    higherIsBetter: true,
    isUnitScore: true,
    counters: classCounters,
    value: balanced,
    intervalMethod: macroInterval,
  },
  {
    name: "cohen_kappa",
    displayName: "Cohen's kappa",
    definition: "Agreement beyond chance: (accuracy - expected) / (1 - expected)",
    higherIsBetter: true,
    counters: classCounters,
    value: kappa,
  },
  {
    name: "mcc",
    hub: { id: "matthews_correlation" },
    displayName: "MCC",
    definition: "Matthews' correlation coefficient of gold and predicted labels",
    higherIsBetter: true,
    counters: classCounters,
    value: correlation,
  },
];

/** The metrics of tasks with one label a case: those of classes, then those of label sets. */
export const classificationMetrics = new Registry<Metric>("metric");
for (const metric of [...classMetrics, ...labelMetrics]) classificationMetrics.register(metric);
