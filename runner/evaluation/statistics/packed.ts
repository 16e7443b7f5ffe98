import type {
  CounterSet,
  Counting,
  Metric,
  PreferredInterval,
  ScoredCases,
  Sums,
} from "../../plugins/metrics/metric.ts";

/**
 * Groups of cases that depend on each other, such as the reports of one patient: their number, and the group of each
 * case, from 0.
 */
export type CaseGroups = { readonly count: number; readonly of: Int32Array };

/**
 * The groups of cases by their names, numbered in order of first occurrence. Undefined if no case has a group, or if
 * every group has one case: cases are then independent. A case without a name is a group of its own.
 */
export function caseGroups(names: readonly (string | undefined)[]): CaseGroups | undefined {
  const number = new Map<string, number>();
  let count = 0;
  const of = Int32Array.from(names, (name) => {
    const known = name === undefined ? undefined : number.get(name);
    if (known !== undefined) return known;
    if (name !== undefined) number.set(name, count);
    return count++;
  });
  return count === names.length ? undefined : { count, of };
}

/** Whether groups are too few for a bootstrap interval. */
export const isFew = (groups: Pick<CaseGroups, "count"> | undefined): boolean =>
  groups !== undefined && groups.count < 100;

/** The cases of each group: those of group g are `cases[offsets[g] .. offsets[g + 1])`. */
function byGroup({ count, of }: CaseGroups): { readonly offsets: Int32Array; readonly cases: Int32Array } {
  const offsets = new Int32Array(count + 1);
  for (const group of of) (offsets[group + 1] as number) += 1;
  for (let group = 0; group < count; group++) (offsets[group + 1] as number) += offsets[group] as number;
  const next = offsets.slice();
  const cases = new Int32Array(of.length);
  for (const [row, group] of of.entries()) {
    cases[next[group] as number] = row;
    (next[group] as number) += 1;
  }
  return { offsets, cases };
}

/** Growable list of numbers, for contributions whose number is not known beforehand. */
class NumberList<A extends Int32Array | Float64Array> {
  #items: A;
  readonly #make: (size: number) => A;
  size = 0;

  constructor(make: (size: number) => A) {
    this.#make = make;
    this.#items = make(1024);
  }

  push(value: number): void {
    if (this.size === this.#items.length) {
      const larger = this.#make(2 * this.size);
      larger.set(this.#items);
      this.#items = larger;
    }
    this.#items[this.size++] = value;
  }

  packed(): A {
    return this.#items.slice(0, this.size) as A;
  }
}

const int32List = () => new NumberList((size) => new Int32Array(size));

/**
 * Contributions of units to one counter set. A unit is a case, or a group of cases. The counters of unit i to which it
 * adds 1 are `counters[offsets[i] .. offsets[i + 1])`; those to which it adds another amount are in `weighted`, which
 * few metrics need.
 */
type Contributions = {
  readonly offsets: Int32Array;
  readonly counters: Int32Array;
  readonly weighted:
    | { readonly offsets: Int32Array; readonly counters: Int32Array; readonly amounts: Float64Array }
    | undefined;
};

function contributionsOf(
  cases: ScoredCases,
  counting: Counting<unknown, unknown, unknown>,
  groups: CaseGroups | undefined,
): Contributions {
  const units = groups?.count ?? cases.n;
  const offsets = new Int32Array(units + 1);
  const weightedOffsets = new Int32Array(units + 1);
  const counters = int32List();
  const weighted = int32List();
  const amounts = new NumberList((size) => new Float64Array(size));
  const add = (counter: number, amount = 1): void => {
    if (amount === 1) counters.push(counter);
    else {
      weighted.push(counter);
      amounts.push(amount);
    }
  };
  const rows = groups && byGroup(groups);
  counting.enter?.(cases.space);
  for (let unit = 0, at = 0; unit < units; unit++) {
    const end = rows === undefined ? at + 1 : (rows.offsets[unit + 1] as number);
    for (; at < end; at++) {
      const row = rows === undefined ? at : (rows.cases[at] as number);
      counting.contribute(cases.target(row), cases.prediction(row), add, cases.measured?.(row));
    }
    offsets[unit + 1] = counters.size;
    weightedOffsets[unit + 1] = weighted.size;
  }
  return {
    offsets,
    counters: counters.packed(),
    weighted:
      weighted.size === 0
        ? undefined
        : { offsets: weightedOffsets, counters: weighted.packed(), amounts: amounts.packed() },
  };
}

/** The counters of one counter set for one set of cases, and the metrics that read them. */
type Part = {
  readonly contributions: Contributions;
  readonly size: number;
  readonly read: (sums: Sums) => unknown;
  readonly metrics: readonly { readonly at: number; readonly metric: Metric }[];
};

/** Summed counters, one array for each counter set. */
export type AllSums = readonly Sums[];

/**
 * Cases packed for being summed many times under weights: what the metrics of one answerer are computed from. What is
 * weighted, left out and swapped is a unit: a case, or a whole group of cases.
 */
export class Packed {
  /** Number of units. */
  readonly n: number;
  /** Contributions, counters and metrics: the operations of one weighted sum and its values, roughly. */
  readonly work: number;
  /** The part of `work` for the values of metrics. */
  readonly valueWork: number;
  readonly #parts: readonly Part[];
  readonly #metricCount: number;
  readonly #isFewGroups: boolean;

  constructor(n: number, parts: readonly Part[], metricCount: number, isFewGroups: boolean) {
    this.n = n;
    this.#isFewGroups = isFewGroups;
    this.#parts = parts;
    this.#metricCount = metricCount;
    this.valueWork = parts.flatMap(({ metrics }) => metrics).reduce((sum, { metric: { work = 0 } }) => sum + work, 0);
    this.work = parts.reduce(
      (sum, { contributions: { counters, weighted }, size }) =>
        sum + counters.length + (weighted?.counters.length ?? 0) + size,
      this.valueWork,
    );
  }

  /** Sums of no cases. */
  sums(): AllSums {
    return this.#parts.map(({ size }) => new Float64Array(size));
  }

  /** Adds each unit as many times as its weight. `sums` is not cleared. */
  addAll(weights: Int32Array, sums: AllSums): void {
    for (const [part, { contributions }] of this.#parts.entries())
      addWeighted(contributions, weights, sums[part] as Sums);
  }

  /** Adds one unit `times` times. */
  addUnit(row: number, times: number, sums: AllSums): void {
    for (const [part, { contributions }] of this.#parts.entries()) {
      const { offsets, counters, weighted } = contributions;
      const into = sums[part] as Sums;
      for (let at = offsets[row] as number; at < (offsets[row + 1] as number); at++)
        (into[counters[at] as number] as number) += times;
      if (weighted === undefined) continue;
      for (let at = weighted.offsets[row] as number; at < (weighted.offsets[row + 1] as number); at++)
        (into[weighted.counters[at] as number] as number) += times * (weighted.amounts[at] as number);
    }
  }

  /** Sums over all cases. */
  whole(): AllSums {
    const sums = this.sums();
    this.addAll(new Int32Array(this.n).fill(1), sums);
    return sums;
  }

  /** Writes the metrics of summed counters to `into[metric][at]`. */
  score(sums: AllSums, into: readonly Float64Array[], at: number): void {
    for (let part = 0; part < this.#parts.length; part++) {
      const { read, metrics } = this.#parts[part] as Part;
      const counts = read(sums[part] as Sums);
      for (const { at: place, metric } of metrics) (into[place] as Float64Array)[at] = metric.value(counts);
    }
  }

  /** Buffer for the values of metrics: `values[metric][at]`. */
  emptyValues(size: number): readonly Float64Array[] {
    return Array.from({ length: this.#metricCount }, () => new Float64Array(size));
  }

  /**
   * How the interval of each metric is computed. Resamples of few groups vary too little: Student's t replaces them.
   */
  intervalMethods(): readonly PreferredInterval[] {
    const methods = new Array<PreferredInterval>(this.#metricCount).fill("bca");
    const sums = this.whole();
    for (const [part, { read, metrics }] of this.#parts.entries()) {
      const counts = read(sums[part] as Sums);
      for (const { at, metric } of metrics) {
        const own = metric.intervalMethod?.(counts) ?? "bca";
        methods[at] = this.#isFewGroups && typeof own === "string" ? "jackknife" : own;
      }
    }
    return methods;
  }

  /** The metrics of all cases. */
  estimates(): readonly number[] {
    const values = this.emptyValues(1);
    this.score(this.whole(), values, 0);
    return values.map(([value]) => value as number);
  }
}

/** Adds weighted contributions; the innermost loop of every resample. */
function addWeighted({ offsets, counters, weighted }: Contributions, weights: Int32Array, sums: Sums): void {
  let at = 0;
  for (let row = 0; row < weights.length; row++) {
    const weight = weights[row] as number;
    const end = offsets[row + 1] as number;
    if (weight === 0) at = end;
    else for (; at < end; at++) (sums[counters[at] as number] as number) += weight;
  }
  if (weighted === undefined) return;
  for (let row = 0; row < weights.length; row++) {
    const weight = weights[row] as number;
    if (weight === 0) continue;
    const end = weighted.offsets[row + 1] as number;
    for (let entry = weighted.offsets[row] as number; entry < end; entry++)
      (sums[weighted.counters[entry] as number] as number) += weight * (weighted.amounts[entry] as number);
  }
}

/** Metrics by counter set, with their places in the list. */
function byCounterSet(metrics: readonly Metric[]): ReadonlyMap<CounterSet, Part["metrics"]> {
  const sets = new Map<CounterSet, { readonly at: number; readonly metric: Metric }[]>();
  metrics.forEach((metric, at) => {
    const own = sets.get(metric.counters);
    if (own === undefined) sets.set(metric.counters, [{ at, metric }]);
    else own.push({ at, metric });
  });
  return sets;
}

/**
 * Packs sets of cases that are compared with each other: they have one space, that of the first, and share the numbers
 * of their counters. With `groups`, a unit is a group.
 */
export function pack(sets: readonly ScoredCases[], metrics: readonly Metric[], groups?: CaseGroups): readonly Packed[] {
  const parts = sets.map((): Part[] => []);
  for (const [counters, own] of byCounterSet(metrics)) {
    const counting = counters.open(sets[0]?.space);
    const all = sets.map((cases) => contributionsOf(cases, counting, groups));
    const size = counting.size();
    for (const [at, contributions] of all.entries()) {
      const whole = new Float64Array(size);
      addWeighted(contributions, new Int32Array(contributions.offsets.length - 1).fill(1), whole);
      (parts[at] as Part[]).push({ contributions, size, read: counting.reader(whole), metrics: own });
    }
  }
  return sets.map(({ n }, at) => new Packed(groups?.count ?? n, parts[at] as Part[], metrics.length, isFew(groups)));
}

/** Prepares metrics whose cases contribute slowly. */
export async function prepare(
  sets: readonly ScoredCases[],
  metrics: readonly Metric[],
  pause?: () => Promise<void>,
): Promise<void> {
  for (const metric of metrics) {
    if (metric.prepare === undefined) continue;
    for (const cases of sets) await metric.prepare(cases, pause);
  }
}

/** The metrics of one set of cases, by name. */
export function scoresOf(cases: ScoredCases, metrics: readonly Metric[]): Readonly<Record<string, number | null>> {
  const scores = new Map<Metric, number | null>();
  for (const [counters, own] of byCounterSet(metrics)) {
    const counting = counters.open(cases.space);
    counting.enter?.(cases.space);
    const sums: number[] = [];
    const add = (counter: number, amount = 1): void => {
      while (counter >= sums.length) sums.push(0);
      (sums[counter] as number) += amount;
    };
    for (let row = 0; row < cases.n; row++)
      counting.contribute(cases.target(row), cases.prediction(row), add, cases.measured?.(row));
    while (sums.length < counting.size()) sums.push(0);
    const whole = Float64Array.from(sums);
    const counts = counting.reader(whole)(whole);
    for (const { metric } of own) scores.set(metric, orNull(metric.value(counts)));
  }
  return Object.fromEntries(metrics.map((metric) => [metric.name, scores.get(metric) as number]));
}

/** Metrics by name of several forms of the same cases. Forms whose metrics are the same are scored once. */
export function scoresOfForms(
  forms: readonly ScoredCases[],
  metrics: readonly Metric[],
): readonly Readonly<Record<string, number | null>>[] {
  return eachDistinct(forms, (form) => scoresOf(form, metrics));
}

/** Metrics that have no value for some form of the cases, with the reason. */
export function withoutValue(
  forms: readonly ScoredCases[],
  metrics: readonly Metric[],
): Readonly<Record<string, string>> {
  const absent = eachDistinct(forms, (form): readonly (readonly [string, string])[] => {
    const [packed] = pack([form], metrics) as readonly [Packed];
    const methods = packed.intervalMethods();
    return packed.estimates().flatMap((value, at) => {
      const { name } = metrics[at] as Metric;
      return Number.isNaN(value) ? [[name, noValueReason(methods[at] as PreferredInterval)] as const] : [];
    });
  });
  return Object.fromEntries(absent.flat());
}

/** Why a metric has no value: the reason why it has no interval. */
export const noValueReason = (preferred: PreferredInterval): string =>
  typeof preferred === "object" ? preferred.none : "the metric is undefined for these cases";

/** null in place of NaN: a metric without meaning for these cases. */
const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

/** A value for each form; forms whose metrics are the same share one. */
export function eachDistinct<T>(forms: readonly ScoredCases[], of: (form: ScoredCases) => T): readonly T[] {
  const made: { readonly form: ScoredCases; readonly value: T }[] = [];
  return forms.map((form) => {
    const known = made.find((one) => one.form === form || one.form.isSame?.(form) === true);
    if (known !== undefined) return known.value;
    const value = of(form);
    made.push({ form, value });
    return value;
  });
}
