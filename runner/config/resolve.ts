import { columnsFor } from "../data/columns.ts";
import type { Experiment, Train } from "../plugins/experiment.ts";
import type { Completed } from "./complete.ts";

type Written = {
  readonly rank: number;
  readonly alpha?: number;
  readonly alpha_ratio?: number;
  readonly overrides: object;
};

const done = new WeakMap<object, Train>();
const withColumns = new WeakMap<object, Experiment["data"]>();

/** The experiment with the values that follow from other keys: the columns of `data.format`, and those of `train`. */
export function resolved({ value, defaulted }: Completed): ReturnType<typeof resolveTrain> {
  const { data, ...others } = value as unknown as Experiment;
  if (data.format === "table") return resolveTrain({ value, defaulted });
  const columns = Object.freeze(columnsFor(data.format, data.columns));
  const whole = withColumns.get(data) ?? (Object.freeze({ ...data, columns }) as Experiment["data"]);
  withColumns.set(data, whole);
  return resolveTrain({ value: Object.freeze({ ...others, data: whole }) as unknown as Completed["value"], defaulted });
}

/** Computes alpha from alpha_ratio (2 if neither is given), and turns overrides into dotted keys. */
function resolveTrain({ value, defaulted }: Completed): {
  experiment: Experiment;
  readonly defaulted: readonly string[];
} {
  const { train } = value as { readonly train?: Written };
  if (train === undefined) return { experiment: value as Experiment, defaulted };
  const resolved = done.get(train) ?? withAlpha(train);
  done.set(train, resolved);
  const byDefault = train.alpha === undefined && train.alpha_ratio === undefined;
  return {
    experiment: Object.freeze({ ...(value as object), train: resolved }) as Experiment,
    defaulted: byDefault ? Object.freeze([...defaulted, "train.alpha"]) : defaulted,
  };
}

function withAlpha({ alpha_ratio = 2, alpha, overrides, ...others }: Written): Train {
  const resolved = { ...others, alpha: alpha ?? others.rank * alpha_ratio, overrides: dottedKeys(overrides) };
  return Object.freeze(resolved) as unknown as Train;
}

/** A nested map as dotted keys: `{optimizer: {fused: true}}` and `{optimizer.fused: true}` are equal. */
export function dottedKeys(map: object): Readonly<Record<string, unknown>> {
  const flat = (value: object, prefix: string): [string, unknown][] =>
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? flat(inner, `${prefix}${key}.`)
        : [[`${prefix}${key}`, inner]],
    );
  return Object.freeze(Object.fromEntries(flat(map, "").sort(([a], [b]) => (a < b ? -1 : 1))));
}
