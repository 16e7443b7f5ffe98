import type { ListedRun, SettingValue } from "../report/run-list.ts";

/** Operators of a condition, with their display names. */
export const operators = { is: "is", not: "is not", has: "contains", min: "at least", max: "at most" } as const;
export type Operator = keyof typeof operators;

/** A condition on a setting ("train.rank"), on a metric of the main arm ("metric:micro_f1"), or on "seconds". */
export type Condition = { readonly key: string; readonly operator: Operator; readonly value: string };

/** What the page of runs shows; the query of its address holds it. */
export type RunsState = {
  /** Words that all occur in the name, the coordinates or the settings of a run. */
  readonly text: string;
  readonly conditions: readonly Condition[];
  /** "sweep", a key, or empty for one list. */
  readonly group: string;
  /** Additional columns, by key. */
  readonly columns: readonly string[];
  /** Base columns that are not shown, by name. */
  readonly hidden: readonly string[];
  readonly chart: string;
  /** The metric of the charts; empty for the primary metric of the newest run. */
  readonly metric: string;
  /** The arm of the charts; empty for the main arm of each run. */
  readonly arm: string;
  /** The key on the x axis of the scatter plot. */
  readonly x: string;
  /** The column that sorts the table and its order: "score,descending". */
  readonly sort: string;
};

const texts = ["text", "group", "chart", "metric", "arm", "x", "sort"] as const;

/** Reads the state from the query of an address. What it does not know, it ignores. */
export function stateOf(query: URLSearchParams): RunsState {
  const conditions = query.getAll("where").flatMap((text) => {
    const parts = /^(.+?)~(\w+)~(.*)$/s.exec(text);
    if (parts === null || !Object.hasOwn(operators, parts[2] as string)) return [];
    return [{ key: parts[1] as string, operator: parts[2] as Operator, value: parts[3] as string }];
  });
  const of = (name: (typeof texts)[number]): string => query.get(name) ?? "";
  return {
    ...{ text: of("text"), group: of("group"), chart: of("chart"), metric: of("metric") },
    ...{ arm: of("arm"), x: of("x"), sort: of("sort") },
    conditions,
    columns: query.getAll("column"),
    hidden: query.getAll("hide"),
  };
}

/** The query of a state; `stateOf` is its inverse. */
export function queryOf(state: RunsState): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of texts) if (state[name] !== "") query.set(name, state[name]);
  for (const { key, operator, value } of state.conditions) query.append("where", `${key}~${operator}~${value}`);
  for (const key of state.columns) query.append("column", key);
  for (const name of state.hidden) query.append("hide", name);
  return query;
}

/** The value of a run for a key; undefined if the run has none. */
export function runValue(run: ListedRun, key: string): SettingValue | undefined {
  if (key.startsWith("metric:")) return run.arms[run.subject]?.[key.slice("metric:".length)]?.[0];
  if (key === "seconds") return run.seconds;
  if (key === "price") return run.price ?? undefined;
  if (key === "experiment") return run.experiment;
  return run.settings[key];
}

/** Whether a run passes the search and all conditions. A run without the value passes only "is not". */
export function matchesRun(run: ListedRun, { text, conditions }: Pick<RunsState, "text" | "conditions">): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length > 0) {
    const all = searchTextOf(run);
    if (!words.every((word) => all.includes(word))) return false;
  }
  return conditions.every((condition) => holds(runValue(run, condition.key), condition));
}

const searchTexts = new WeakMap<ListedRun, string>();

function searchTextOf(run: ListedRun): string {
  let text = searchTexts.get(run);
  if (text === undefined) {
    const settings = Object.entries(run.settings).map(([key, value]) => `${key}=${value}`);
    text = [run.label, run.coordinates, ...run.marks, ...settings].join("\n").toLowerCase();
    searchTexts.set(run, text);
  }
  return text;
}

function holds(value: SettingValue | undefined, { operator, value: wanted }: Condition): boolean {
  if (operator === "not") return value === undefined || String(value) !== wanted;
  if (value === undefined) return false;
  if (operator === "is") return String(value) === wanted;
  if (operator === "has") return String(value).toLowerCase().includes(wanted.toLowerCase());
  if (typeof value !== "number" || wanted.trim() === "") return false;
  return operator === "min" ? value >= Number(wanted) : value <= Number(wanted);
}
