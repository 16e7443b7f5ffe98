import type { CounterSet, Sums } from "../../plugins/metrics/metric.ts";
import type { Unit } from "./compare.ts";
import type { JsonValue } from "./value.ts";

/** An answer in a view, compared with the gold of its case. */
export type ComparedAnswer = {
  /** Null for an answer that could not be read. */
  readonly value: JsonValue | null;
  readonly isValid: boolean;
  readonly isExact: boolean;
  readonly units: readonly Unit[];
};

/** The field of values that the schema does not list. */
export const otherField = "(other fields)";

/** Counts of a field: values of gold, values of answers, and equal ones. */
export type FieldCounts = { readonly support: number; readonly predicted: number; readonly hits: number };

export type JsonSums = {
  readonly cases: number;
  readonly valid: number;
  readonly exact: number;
  readonly fields: readonly FieldCounts[];
};

const at = { cases: 0, valid: 1, exact: 2, fields: 3 } as const;
const perField = 3;

/** The counters of every metric of JSON objects: cases, valid and exact answers, and three counts of each field. */
export const jsonCounters: CounterSet<JsonValue, ComparedAnswer, JsonSums> = {
  open() {
    const numbers = new Map<string, number>();
    return {
      contribute(_, { isValid, isExact, units }, add) {
        add(at.cases);
        if (isValid) add(at.valid);
        if (isExact) add(at.exact);
        for (const { field, gold, given, hit } of units) {
          let number = numbers.get(field);
          if (number === undefined) {
            number = at.fields + perField * numbers.size;
            numbers.set(field, number);
          }
          if (gold !== undefined) add(number);
          if (given !== undefined) add(number + 1);
          if (hit) add(number + 2);
        }
      },
      size: () => at.fields + perField * numbers.size,
      reader: () => (sums) => read(sums, numbers.size),
    };
  },
};

function read(sums: Sums, fields: number): JsonSums {
  const of = (number: number): number => sums[number] ?? 0;
  return {
    cases: of(at.cases),
    valid: of(at.valid),
    exact: of(at.exact),
    fields: Array.from({ length: fields }, (_, field) => {
      const from = at.fields + perField * field;
      return { support: of(from), predicted: of(from + 1), hits: of(from + 2) };
    }),
  };
}
