import type { Json } from "../util/canonical.ts";
import { suggestion } from "../util/suggest.ts";
import { UserError } from "../util/user-error.ts";
import type { ListedRun } from "./run-index.ts";

/** A condition on a run, as in `train.rank>=16`. */
type Condition = { readonly key: string; readonly operator: Operator; readonly wanted: string };

const operators = {
  ">=": (order: number) => order >= 0,
  "<=": (order: number) => order <= 0,
  "!=": undefined,
  "==": undefined,
  "=": undefined,
  ">": (order: number) => order > 0,
  "<": (order: number) => order < 0,
} as const;
type Operator = keyof typeof operators;

/** A query for runs. */
export type RunQuery = {
  /** Conditions that every run must meet. */
  readonly where: readonly string[];
  /** A key to sort by; with a leading minus in descending order. Runs without a value come last. */
  readonly sort?: string | undefined;
};

/** The runs that meet every condition, sorted, and the keys of the query. Throws UserError: bad-filter, unknown-key. */
export function select(
  runs: readonly ListedRun[],
  { where, sort }: RunQuery,
): { readonly runs: readonly ListedRun[]; readonly keys: readonly string[] } {
  const conditions = where.map(parse);
  const isDown = sort?.startsWith("-") === true;
  const by = isDown ? sort?.slice(1) : sort;
  const keys = [...new Set([...conditions.map(({ key }) => key), ...(by === undefined ? [] : [by])])];
  for (const key of keys) {
    if (!runs.some(({ line }) => line.value(key) !== undefined)) throw unknown(key, runs);
  }
  const chosen = runs.filter(({ line }) => conditions.every((one) => holds(one, line.value(one.key))));
  if (by === undefined) return { runs: chosen, keys };
  const valued = chosen.map((run) => ({ run, value: run.line.value(by) }));
  valued.sort((a, b) => {
    const [isALast, isBLast] = [a.value ?? undefined, b.value ?? undefined].map((value) => value === undefined);
    if (isALast || isBLast) return Number(isALast) - Number(isBLast);
    const order = compare(a.value as Json, b.value as Json);
    return isDown ? -order : order;
  });
  return { runs: valued.map(({ run }) => run), keys };
}

function parse(text: string): Condition {
  const [, key = "", operator = "", wanted = ""] = /^([^<>=!]+)(>=|<=|!=|==|=|>|<)(.*)$/s.exec(text) ?? [];
  if (key.trim() !== "" && wanted.trim() !== "") {
    return { key: key.trim(), operator: operator as Operator, wanted: wanted.trim().replace(/^(["'])(.*)\1$/s, "$2") };
  }
  throw new UserError("bad-filter", `--where "${text}" is not a condition`, {
    help: "write a key, one of = != < <= > >=, and a value, in quotation marks for the shell: --where 'train.rank>=16'",
    status: "invalid",
  });
}

function holds({ operator, wanted }: Condition, value: Json | undefined): boolean {
  if (value === undefined || value === null) return false;
  const accepts = operators[operator];
  if (accepts === undefined) return isEqual(value, wanted) === (operator !== "!=");
  if (typeof value === "number") {
    const limit = Number(wanted);
    return !Number.isNaN(limit) && accepts(value - limit);
  }
  return typeof value === "string" && accepts(compare(value, wanted));
}

function isEqual(value: Json, wanted: string): boolean {
  if (typeof value === "number") return value === Number(wanted);
  if (typeof value !== "object") return String(value) === wanted;
  const bare = wanted.replace(/[\s"[\]]/g, "");
  return Array.isArray(value) && value.join(",").replace(/\s/g, "") === bare;
}

/** Compares numbers by value and other values as text. Numbers come first. */
function compare(a: Json, b: Json): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number" || typeof b === "number") return typeof a === "number" ? -1 : 1;
  const [one, other] = [String(a), String(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

function unknown(key: string, runs: readonly ListedRun[]): UserError {
  // The latest runs are enough for a suggestion.
  const known = new Set(runs.slice(-200).flatMap(({ line }) => [...line.values().keys()]));
  for (const name of [...known]) {
    const metric = /^(.*)\.(?:raw|basic|canonical)\.([^.]+)$/.exec(name);
    if (metric !== null) known.add(metric[2] as string).add(`${metric[1]}.${metric[2]}`);
  }
  return new UserError("unknown-key", `no finished run has a key or metric "${key}"`, {
    help: suggestion(key, [...known], "some that there are") ?? "exp show RUN --json prints the keys of a run",
    status: "invalid",
  });
}
