import { placeOf } from "../project/place.ts";
import { select } from "../runs/run-filter.ts";
import { type ListedRun, listFinished } from "../runs/run-index.ts";
import { cacheRoot } from "../setup/cache.ts";
import { csv } from "../terminal/csv.ts";
import { table } from "../terminal/table.ts";
import type { Json } from "../util/canonical.ts";
import { type Context, exit } from "../util/context.ts";
import { score } from "../util/format.ts";
import { defineCommand, flag, list, value } from "./command.ts";
import { json } from "./common-options.ts";

/** The oldest run is first. A run that lacks a key meets no condition on it. */
export const command = defineCommand({
  arguments: {},
  options: {
    where: list(
      "condition",
      "List only runs that meet the condition: a key or metric, one of = != < <= > >=, and a value, as in 'train.rank>=16'.",
    ),
    sort: value(
      "key",
      "Sort by a key or metric, as in micro_f1 or zero_shot.canonical.micro_f1; -micro_f1 puts the largest first.",
    ),
    csv: flag("Print CSV: a row for each run, with every key and every metric."),
    json,
  },
  usesPlugins: false,
  async run({ where, sort, csv: asCsv, json }, context) {
    const { artifacts } = placeOf(context.cwd);
    const { runs: all, unreadable } = listFinished(artifacts, cacheRoot(context.env));
    for (const path of unreadable) context.err(`exp ls: warning: ${path} is no manifest and is left out\n`);
    const { runs, keys } = all.length === 0 ? { runs: [], keys: [] } : select(all, { where, sort });
    if (json) context.out(`${JSON.stringify(runs.map(rowOf(keys)), null, 1)}\n`);
    else if (asCsv) context.out(csvOf(runs));
    else if (all.length === 0)
      context.out("No finished runs yet. Start one with the file of an experiment: npx exp run FILE\n");
    else if (runs.length === 0) context.out(`None of ${all.length} finished runs meets the conditions.\n`);
    else context.out(tableOf(runs, keys, context));
    return exit.done;
  },
});

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

function tableOf(runs: readonly ListedRun[], keys: readonly string[], { color, columns }: Context): string {
  const rows = runs.map(({ line }) => {
    const { metric, view } = line.primary();
    const scores = line.arms().map((arm) => `${arm} ${score(line.score(arm, view, metric))}`);
    return [
      ...["experiment", "run"].map((key) => String(line.value(key))),
      String(line.value("created")).slice(0, 16).replace("T", " "),
      ...keys.map((key) => shown(line.value(key))),
      `${metric} (${view})`,
      scores.join("  "),
    ];
  });
  return table([["experiment", "run", "finished (UTC)", ...keys, "primary metric", "arms"], ...rows], {
    color,
    columns,
    narrow: "blocks",
  });
}

function shown(value: Json | undefined): string {
  if (value === undefined || value === null) return "-";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * One row for each run: every key of its configuration and every metric as `arm.view.metric`; empty if a run has none.
 */
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
