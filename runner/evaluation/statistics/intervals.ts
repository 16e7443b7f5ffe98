import type { MetricName } from "../metrics/metrics.ts";
import type { Rows, Table } from "../metrics/table.ts";
import { bootstrap, type Draws, estimates, jackknife, type Pause } from "./bootstrap.ts";
import { type Interval, interval } from "./interval.ts";
import { layOut } from "./layout.ts";

/** Intervals of metrics by name, each saying from how many samples of which seed it was made. */
export type Intervals = Readonly<Record<string, Interval & Draws>>;

/**
 * Intervals of metrics for several tables of the same cases, such as one a label view. Tables that hold the same answers in
 * other words are counted once.
 */
export async function intervalsOf(
  tables: readonly Table[],
  names: readonly MetricName[],
  { resamples, seed }: Draws,
  pause?: Pause,
): Promise<readonly Intervals[]> {
  const distinct = tables.filter((table, index) => tables.findIndex((other) => alike(table, other)) === index);
  const layouts = distinct.map((table) => layOut(table));
  const drawn = await bootstrap(layouts, names, { resamples, seed }, pause);
  const made = layouts.map((layout, index): Intervals => {
    const values = estimates(layout, names);
    const leftOut = jackknife(layout, names);
    const of = (metric: number): Interval & Draws => {
      const own = drawn[index]?.[metric] as Float64Array;
      return { ...interval(own, values[metric] as number, leftOut[metric] as Float64Array), resamples, seed };
    };
    return Object.fromEntries(names.map((name, metric) => [name, of(metric)]));
  });
  return tables.map((table) => made[distinct.findIndex((other) => alike(table, other))] as Intervals);
}

function alike(a: Table, b: Table): boolean {
  return (
    a === b || (a.columns === b.columns && a.outOfSet === b.outOfSet && equal(a.gold, b.gold) && equal(a.pred, b.pred))
  );
}

function equal(a: Rows, b: Rows): boolean {
  const same = (x: Int32Array, y: Int32Array): boolean =>
    x.length === y.length && x.every((value, at) => value === y[at]);
  return same(a.offsets, b.offsets) && same(a.ids, b.ids);
}
