import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { readResult } from "../pipeline/result-files.ts";
import { energyText } from "../reporting/report/energy.ts";
import { replayNoticeOf } from "../reporting/report/replayed-arms.ts";
import { looksOf, testFileOf } from "../runs/ledger.ts";
import type { Manifest } from "../runs/manifest.ts";
import { gigabytes, plural } from "../util/format.ts";
import { differenceText } from "./comparison.ts";
import { summary } from "./score-table.ts";
import { table } from "./table.ts";

/** Files of a run that people look for, in its folder. */
const worthNaming: Readonly<Record<string, string>> = {
  workbook: "workbook.xlsx",
  adapter: "adapter",
  "merged model": "merged",
  predictions: "tuned/predictions.jsonl",
  "zero-shot predictions": "zero_shot/predictions.jsonl",
  manifest: "manifest.json",
};

/** One run on one screen: metrics by arm, cost, and the paths of what was made. */
export function runSummary(
  manifest: Manifest,
  dir: string,
  artifacts: string,
  screen: { readonly cwd: string; readonly color: boolean; readonly columns: number },
): string {
  const files: Record<string, string> = {};
  for (const [name, file] of Object.entries(worthNaming)) {
    if (existsSync(join(screen.cwd, dir, file)) || existsSync(join(dir, file))) files[name] = join(dir, file);
  }
  const { experiment, run, cost } = manifest;
  const { trained, prompted, generated } = cost.tokens;
  const costs = table(
    [
      ["seconds", "peak memory", "tokens trained", "read", "generated"],
      [
        cost.seconds.toFixed(0),
        gigabytes(cost.peak_memory),
        ...[trained, prompted, generated].map((count) => count.toLocaleString("en")),
      ],
    ],
    { align: ["right", "right", "right", "right", "right"], color: screen.color },
  );
  const energy = cost.energy === undefined ? "" : `energy: ${energyText(cost.energy)}\n`;
  const tests = testsOf([resolve(screen.cwd, dir), dir].map((folder) => join(folder, "comparison.json")));
  const remarks = remarksOn(manifest).map((remark) => `${remark}\n`);
  return `\n${experiment} ${run}\n${remarks.join("")}\n${summary({ arms: manifest.arms, intervals: manifest.intervals, files }, screen)}\n${tests}${costs}${energy}${looks(manifest, artifacts)}`;
}

/** What the arm that the run is about gains over each other one: the tests that were declared beforehand. */
function testsOf(paths: readonly string[]): string {
  const path = paths.find(existsSync);
  if (path === undefined) return "";
  const { pairs, family, view } = readResult("comparison.json", path);
  const lines = family.tests.map(({ against, adjusted }) => {
    const pair = pairs.find(({ a, b }) => a === family.subject && b === against);
    return differenceText(family, against, pair?.metrics[family.metric], adjusted, view);
  });
  return lines.length === 0 ? "" : `${lines.join("")}\n`;
}

/** How often the test file was scored so far: each look makes the next one worth less. */
function looks(manifest: Manifest, artifacts: string): string {
  const test = testFileOf({ manifest });
  const count = looksOf({ manifest }, artifacts) ?? 0;
  return test === undefined || count === 0
    ? ""
    : `\n${test.path} has been scored ${plural(count, "time")} in this project\n`;
}

/** What a reader must know before believing a run's numbers. */
function remarksOn({ experiment, smoke, steps }: Manifest): readonly string[] {
  const stale = Object.entries(steps).flatMap(([id, step]) =>
    step.stale === undefined ? [] : [`${id} was accepted although stale: ${step.stale.join(", ")} changed since`],
  );
  return [
    ...(smoke ? ["a smoke run of 20 rows and 5 steps: its numbers mean nothing"] : []),
    ...[replayNoticeOf([{ experiment, steps }]) ?? []].flat(),
    ...stale,
  ];
}
