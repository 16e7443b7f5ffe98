import { integer } from "../util/format.ts";
import type { Facts, Placed } from "./audit-facts.ts";

/** A finding of the data audit. Errors stop a run unless `data.accept` lists their code. */
export type Finding = {
  readonly severity: "error" | "warning";
  /** Stable and documented: "leak". */
  readonly code: string;
  readonly message: string;
  /** Number of rows or labels concerned. */
  readonly count: number;
  /** Up to ten examples: "train/case-17", or a quoted label. */
  readonly examples: readonly string[];
  readonly accepted: boolean;
};

export type Found = Pick<Finding, "message" | "count" | "examples">;

/** One rule of the audit. */
export type Rule = {
  readonly code: string;
  readonly severity: Finding["severity"];
  find(facts: Facts): Found | undefined;
};

/** A finding with the first ten of its examples; undefined if there are none. */
export function found(examples: readonly string[], message: (count: number) => string): Found | undefined {
  if (examples.length === 0) return undefined;
  return { message: message(examples.length), count: examples.length, examples: examples.slice(0, 10) };
}

/** A rule about single rows: it finds those for which `is` is true. */
export function rowRule(rule: {
  readonly code: string;
  readonly severity: Finding["severity"];
  is(placed: Placed, facts: Facts): boolean;
  readonly what: string;
}): Rule {
  const { code, severity, is, what } = rule;
  return {
    code,
    severity,
    find: (facts) =>
      found(facts.rows.filter((one) => is(one, facts)).map(where), (count) => `${counted(count, "row")} ${what}`),
  };
}

/** "1 row", "3 rows". */
export function counted(count: number, noun: "row" | "label" | "pair of labels" | "split"): string {
  const [head, ...rest] = noun.split(" ") as [string, ...string[]];
  return [integer(count), count === 1 ? head : `${head}s`, ...rest].join(" ");
}

/** A row as examples name it. */
export const where = ({ part, row }: Placed): string => `${part}/${row.id}`;

/** A label as examples show it. */
export const quoted = (label: string): string => JSON.stringify(label);
