import { commonArmName } from "../../pipeline/steps/arm-names.ts";
import { metricsOf } from "../../pipeline/steps/task.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { type RunRow, runRowOf } from "../../runs/run-row.ts";
import { boundsOf } from "../../util/bounds.ts";
import type { Json } from "../../util/canonical.ts";
import { dotted } from "../../util/flatten.ts";
import { metricName } from "../report/display-names.ts";
import type { ListedRun, ListedScore, RunList, SettingValue } from "../report/run-list.ts";
import { settingsText } from "../report/run-names.ts";

/** Keys that name a run and do not configure it. */
const names = new Set(["name", "description"]);

/** The runs with the settings that differ between them, for the script of the page. Reads manifests only. */
export function runListOf(runs: readonly FinishedRun[], linkOf: (row: RunRow) => string): RunList {
  const settings = runs.map(({ manifest }) => dotted(manifest.config as unknown as Json));
  const first = new Map<string, string>();
  const varied = new Set<string>();
  for (const [at, own] of settings.entries()) {
    for (const [key, value] of own) {
      const text = JSON.stringify(value);
      if (at > 0 && !first.has(key)) varied.add(key);
      if ((first.get(key) ?? text) !== text) varied.add(key);
      first.set(key, text);
    }
    for (const key of first.keys()) if (!own.has(key)) varied.add(key);
  }
  const keys = [...varied].filter((key) => !names.has(key)).sort();
  const listed = runs.map((run, at): ListedRun => {
    const row = runRowOf(run);
    const { experiment, run: name, coordinates, created, marks, seconds, price, metric, view } = row;
    return {
      label: `${experiment}/${name}`,
      name: coordinates === "" ? name : `${settingsText(coordinates)} (${name.slice(-8)})`,
      ...{ experiment, run: name, coordinates, link: linkOf(row), created, marks, seconds, price, metric, view },
      subject: row.scores[0].arm,
      arms: Object.fromEntries(
        Object.entries(run.manifest.arms).map(([arm, views]) => [
          arm,
          scoresOf(views[row.view as keyof typeof views] ?? {}, run.manifest.intervals?.[arm]?.[row.view as never]),
        ]),
      ),
      settings: Object.fromEntries(
        keys.flatMap((key) => {
          const value = settings[at]?.get(key);
          return value === undefined ? [] : [[key, settingOf(value)] as const];
        }),
      ),
    };
  });
  const arms = new Set(listed.flatMap((run) => Object.keys(run.arms)));
  const named = runs.map(({ manifest }) => ({ ...manifest, arms: Object.keys(manifest.arms) }));
  const metrics = new Set(listed.flatMap((run) => Object.values(run.arms).flatMap(Object.keys)));
  return {
    runs: listed,
    armNames: Object.fromEntries([...arms].map((arm) => [arm, commonArmName(arm, named)])),
    higherIsBetter: Object.fromEntries(
      runs.flatMap(({ manifest }) =>
        (tasks.has(manifest.config.task) ? [...metricsOf(manifest.config)] : []).map(({ name, higherIsBetter }) => [
          name,
          higherIsBetter,
        ]),
      ),
    ),
    metricNames: Object.fromEntries([...metrics].map((metric) => [metric, metricName(metric)])),
  };
}

function scoresOf(
  values: Readonly<Record<string, number | null>>,
  intervals: Readonly<Record<string, { readonly low?: number | undefined; readonly high?: number | undefined }>> = {},
): Readonly<Record<string, ListedScore>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([metric, value]) => {
      if (typeof value !== "number") return [];
      const bounds = boundsOf(intervals[metric]);
      const score: ListedScore =
        bounds === null ? [rounded(value)] : [rounded(value), rounded(bounds.low), rounded(bounds.high)];
      return [[metric, score] as const];
    }),
  );
}

/** Five digits: more than any chart or table shows. */
const rounded = (value: number): number => Number(value.toPrecision(5));

function settingOf(value: Json): SettingValue {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}
