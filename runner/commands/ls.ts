import { placeOf } from "../project/place.ts";
import { select } from "../runs/run-filter.ts";
import { type ListedRun, listFinished } from "../runs/run-index.ts";
import { cacheRoot } from "../setup/cache.ts";
import { csv } from "../terminal/csv.ts";
import { table } from "../terminal/table.ts";
import type { Json } from "../util/canonical.ts";
import { type Act, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";

/**
 * `exp ls`: the finished runs of this project, oldest first, each with its primary metric; filtered and sorted by any key of
 * their configurations and any metric. A run that lacks a key meets no condition on it.
 */
export const command: Act = async (_args, { where, sort, json, csv: asCsv }, context) => {
  const { artifacts } = placeOf(context.cwd);
  const { runs: all, unreadable } = listFinished(artifacts, cacheRoot(context.env));
  for (const path of unreadable) context.err(`exp ls: warning: ${path} is no manifest and is left out\n`);
  try {
    const wanted = { where: where as readonly string[], sort: sort as string | undefined };
    const { runs, keys } = all.length === 0 ? { runs: [], keys: [] } : select(all, wanted);
    if (json === true) context.out(`${JSON.stringify(runs.map(rowOf(keys)), null, 1)}\n`);
    else if (asCsv === true) context.out(csvOf(runs));
    else if (all.length === 0)
      context.out("No finished runs yet. Start one: npx exp run experiments/quickstart.yaml\n");
    else if (runs.length === 0) context.out(`None of ${all.length} finished runs meets the conditions.\n`);
    else context.out(tableOf(runs, keys));
    return exit.done;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    context.err(`exp ls: ${error.message} [${error.code}]\n  help: ${error.help}\n`);
    return exit.invalid;
  }
};

const rowOf =
  (keys: readonly string[]) =>
  ({ line, manifest }: ListedRun): object => ({
    experiment: line.value("experiment"),
    run: line.value("run"),
    created: line.value("created"),
    smoke: line.value("smoke"),
    ...(keys.length > 0 ? { values: Object.fromEntries(keys.map((key) => [key, line.value(key) ?? null])) } : {}),
    arms: line.scores(),
    manifest,
  });

function tableOf(runs: readonly ListedRun[], keys: readonly string[]): string {
  const rows = runs.map(({ line }) => {
    const { metric, view } = line.primary();
    const scores = line.arms().map((arm) => `${arm} ${line.score(arm, view, metric)?.toFixed(3) ?? "-"}`);
    return [
      ...["experiment", "run"].map((key) => String(line.value(key))),
      String(line.value("created")).slice(0, 16).replace("T", " "),
      ...keys.map((key) => shown(line.value(key))),
      `${metric} (${view})`,
      scores.join("  "),
    ];
  });
  return table([["experiment", "run", "finished (UTC)", ...keys, "primary metric", "arms"], ...rows]);
}

function shown(value: Json | undefined): string {
  if (value === undefined || value === null) return "-";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A row a run: its head, every key of its configuration, every metric as `arm.view.metric`; empty where a run has none. */
function csvOf(runs: readonly ListedRun[]): string {
  const values = runs.map(({ line }) => line.values());
  const keys = [...new Set(values.flatMap((one) => [...one.keys()]))];
  const text = (value: Json | undefined): string =>
    value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  const rows = values.map((one, index) => [
    ...keys.map((key) => text(one.get(key))),
    (runs[index] as ListedRun).manifest,
  ]);
  return csv([[...keys, "manifest"], ...rows]);
}
