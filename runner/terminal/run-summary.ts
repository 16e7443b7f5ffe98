import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { smokeWarning } from "../config/smoke.ts";
import { plannedTests } from "../evaluation/statistics/family.ts";
import { readResult } from "../pipeline/result-files.ts";
import { shownMetrics } from "../plugins/metrics/own-metric.ts";
import { differenceOf } from "../reporting/report/arm-differences.ts";
import { gainText, type Naming, nonInferiorityTexts } from "../reporting/report/comparison-tables.ts";
import { armNaming } from "../reporting/report/display-names.ts";
import { embeddingTexts } from "../reporting/report/embedding.ts";
import { energyText } from "../reporting/report/energy.ts";
import { judgeTexts } from "../reporting/report/judge.ts";
import { replayNoticeOf } from "../reporting/report/replayed-arms.ts";
import { testEvaluationCount, testFileOf, tornLedgerWarning } from "../runs/ledger.ts";
import type { Manifest } from "../runs/manifest.ts";
import { gigabytes, integer, plural, reportDuration, signedInterval } from "../util/format.ts";
import { differenceText } from "./comparison.ts";
import { scoreTable } from "./score-table.ts";
import { table } from "./table.ts";
import { fitted } from "./wrap.ts";

/** The output files that the summary lists, in the folder of the run. */
const listedFiles: Readonly<Record<string, string>> = {
  workbook: "workbook.xlsx",
  adapter: "adapter",
  "merged model": "merged",
  predictions: "tuned/predictions.jsonl",
  "zero-shot predictions": "zero_shot/predictions.jsonl",
  manifest: "manifest.json",
};

/** The summary of the run in a folder, given by its absolute path: scores by arm, tests, cost and output files. */
export function runSummary(
  manifest: Manifest,
  dir: string,
  artifacts: string,
  screen: { readonly cwd: string; readonly color: boolean; readonly columns?: number },
): string {
  const files: Record<string, string> = {};
  for (const [name, file] of Object.entries(listedFiles)) {
    if (existsSync(join(dir, file))) files[name] = relative(screen.cwd, join(dir, file));
  }
  const { experiment, run, cost } = manifest;
  const { evaluate } = manifest.config;
  const metrics = [...new Set([...shownMetrics(evaluate), evaluate.primary.metric])];
  const arm = armNaming({ ...manifest, arms: Object.keys(manifest.arms) });
  const { trained, prompted, generated } = cost.tokens;
  const costs = table(
    [
      ["time", "peak memory", "trained tokens", "prompt tokens", "generated tokens"],
      [reportDuration(cost.seconds), gigabytes(cost.peak_memory), ...[trained, prompted, generated].map(integer)],
    ],
    { align: ["right", "right", "right", "right", "right"], ...screen },
  );
  const measured = Object.keys(manifest.arms).flatMap((name) => {
    const path = join(dir, name, "metrics.json");
    const isMeasured = evaluate.judge !== undefined || evaluate.embedding !== undefined;
    return isMeasured && existsSync(path) ? [{ arm: arm(name), ...readResult("metrics.json", path) }] : [];
  });
  const judged = [
    ...judgeTexts(measured.flatMap(({ arm, judge }) => (judge === undefined ? [] : [{ arm, judge }]))),
    ...embeddingTexts(
      evaluate.embedding,
      measured.flatMap(({ arm, embedding }) => (embedding === undefined ? [] : [{ arm, ...embedding }])),
    ),
  ].map((text) => `${text}\n`);
  const energy = cost.energy === undefined ? "" : `energy: ${energyText(cost.energy)}\n`;
  const tests = testsOf(join(dir, "comparison.json"), arm);
  const notices = restrictions(manifest).map((notice) => `${notice}\n`);
  const text = `\n${experiment} ${run}\n${notices.join("")}\n${scoreTable({ metrics, arms: manifest.arms, armName: arm, intervals: manifest.intervals, files }, screen)}\n${cutOff(manifest, dir, arm)}${judged.join("")}${judged.length === 0 ? "" : "\n"}${tests}${costs}${energy}${testEvaluations(manifest, artifacts)}`;
  return fitted(text, screen);
}

/** A smaller share of answers that are cut off is not mentioned. */
const cutOffShare = 0.1;

/** Arms with many answers that reached the maximum number of new tokens: their scores say little about the model. */
function cutOff({ arms, config }: Manifest, dir: string, name: Naming["arm"]): string {
  const notes = Object.keys(arms).flatMap((arm) => {
    const folder = join(dir, arm);
    if (!existsSync(join(folder, "metrics.json"))) return [];
    const { n, truncated } = readResult("metrics.json", folder);
    if (n === 0 || truncated / n < cutOffShare) return [];
    const limit = config.generate.max_new_tokens;
    const key = limit === undefined ? "generate.max_new_tokens" : `generate.max_new_tokens (${limit})`;
    return [`${name(arm)}: ${truncated} of ${plural(n, "answer")} cut off at ${key}\n`];
  });
  return notes.length === 0 ? "" : `${notes.join("")}\n`;
}

/** The planned tests, and the differences of gains. */
function testsOf(path: string, arm: Naming["arm"]): string {
  if (!existsSync(path)) return "";
  const compared = readResult("comparison.json", path);
  const { family, view, non_inferiority, interactions = [] } = compared;
  const { metric } = family;
  const planned = plannedTests(family);
  const lines = planned.map(({ a, b, adjusted }) =>
    differenceText(
      [arm(a), arm(b)],
      { metric, view, tests: planned.length },
      differenceOf(compared, a, b, metric),
      adjusted,
    ),
  );
  const gains = interactions.map(
    ({ a, b, ...found }) => `${gainText(a, arm)} − ${gainText(b, arm)}: ${metric} (${view}) ${signedInterval(found)}\n`,
  );
  const naming = { arm, metric: (name: string) => name };
  const margin = non_inferiority === undefined ? [] : nonInferiorityTexts(non_inferiority, naming);
  const shown = [...lines, ...gains, ...margin.map((line) => `${line}\n`)];
  return shown.length === 0 ? "" : `${shown.join("")}\n`;
}

/** The recorded evaluations of the test file. */
function testEvaluations(manifest: Manifest, artifacts: string): string {
  const test = testFileOf({ manifest });
  const count = testEvaluationCount({ manifest }, artifacts) ?? 0;
  const torn = tornLedgerWarning([{ manifest }], artifacts);
  const warning = torn === undefined ? "" : `\nwarning: ${torn}\n`;
  return test === undefined || count === 0 ? warning : `\nRecorded evaluations of ${test.path}: ${count}\n${warning}`;
}

/** Restrictions on the validity of a run's scores. */
function restrictions({ experiment, smoke, steps }: Manifest): readonly string[] {
  const stale = Object.entries(steps).flatMap(([id, step]) =>
    step.stale === undefined
      ? []
      : [`Stale step accepted: ${id}. Changed since its execution: ${step.stale.join(", ")}.`],
  );
  return [
    ...(smoke ? [smokeWarning(experiment)] : []),
    ...[replayNoticeOf([{ experiment, steps }]) ?? []].flat(),
    ...stale,
  ];
}
