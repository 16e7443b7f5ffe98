import type { RunComparison } from "../../runs/compare.ts";
import type { Change, RunDiff } from "../../runs/diff.ts";
import { type FinishedRun, runLabel } from "../../runs/finished-runs.ts";
import { integer, missing } from "../../util/format.ts";
import { config, schema, width } from "../figures/figure.ts";
import {
  comparisonScope,
  comparisonTables,
  differencesNote,
  type Naming,
  testEvaluationsText,
} from "../report/comparison-tables.ts";
import { comparedNaming, metricName } from "../report/display-names.ts";
import { type Block, heading, paragraph } from "../report/document.ts";
import type { RunList } from "../report/run-list.ts";
import { settingsText } from "../report/run-names.ts";

const left = "left" as const;
const right = "right" as const;

/**
 * The comparison with short names of runs: "tiny/train.rank=4,train.method=lora-0a1b2c3d" becomes "rank 4, method lora". The
 * experiment is part of a name if there are several, and the digest if names are equal otherwise.
 */
export function withShortNames(compared: RunComparison, runs: readonly FinishedRun[]): RunComparison {
  const isOne = new Set(runs.map(({ manifest }) => manifest.experiment)).size === 1;
  const shortOf = ({ manifest: { experiment, run, coordinates } }: FinishedRun): string => {
    if (coordinates === "") return isOne ? run : `${experiment} ${run}`;
    return `${isOne ? "" : `${experiment}: `}${settingsText(coordinates)}`;
  };
  const short = runs.map(shortOf);
  const names = runs.map((run, at): readonly [label: string, name: string] => {
    const name = short[at] as string;
    const isUnique = short.indexOf(name) === short.lastIndexOf(name);
    return [runLabel(run), isUnique ? name : `${name} (${run.manifest.run.slice(-8)})`];
  });
  const replaced = (text: string): string =>
    names.reduce((name, [label, shortName]) => name.replaceAll(label, () => shortName), text);
  return {
    ...compared,
    notes: compared.notes.map(replaced),
    answerers: Object.fromEntries(
      Object.entries(compared.answerers).map(([key, one]) => [key, { ...one, name: replaced(one.name) }]),
    ),
  };
}

/** The comparison of several runs: scores, paired tests and cost. */
export function comparisonBlocks(compared: RunComparison): readonly Block[] {
  const displayNames: Naming = { arm: comparedNaming(compared), metric: metricName };
  const { scores, differences, cost } = comparisonTables(compared, displayNames);
  const { notes, test_evaluations } = compared;
  return [
    heading(1, "Scores"),
    paragraph(`${comparisonScope(compared)} ${testEvaluationsText(test_evaluations)}`),
    ...(notes.length === 0 ? [] : [{ type: "list" as const, items: notes.map((note) => [note]) }]),
    { type: "table", id: "scores", caption: "Scores of all arms on the same cases.", ...scores },
    { type: "table", id: "pairs", caption: differencesNote(compared, displayNames), ...differences },
    {
      type: "figure",
      id: "differences",
      caption: `Differences in ${metricName(compared.primary)} with 95 % confidence intervals.`,
      alt: `Forest plot of ${compared.pairs.length} differences between arms; the table of differences has the values.`,
    },
    { type: "table", id: "cost", caption: "Computational cost per run, reused steps included.", ...cost },
  ];
}

/** Differences between arms in the primary metric, with intervals, as a Vega-Lite specification. */
export function differencesFigure(compared: RunComparison): object | undefined {
  const { pairs, primary } = compared;
  const nameOf = comparedNaming(compared);
  const values = pairs.flatMap(({ a, b, metrics }) => {
    const one = metrics[primary];
    if (one === undefined) return [];
    const { difference, low, high } = one;
    return [{ pair: `${nameOf(a)} − ${nameOf(b)}`, difference, ...(low === undefined ? {} : { low, high }) }];
  });
  if (values.length === 0) return undefined;
  const y = { field: "pair", type: "nominal", title: null, sort: null, axis: { labelLimit: 460 } };
  const title = `difference in ${metricName(primary)}`;
  return {
    $schema: schema,
    width,
    height: { step: 20 },
    config,
    data: { values },
    layer: [
      { mark: { type: "rule", strokeDash: [4, 3] }, encoding: { x: { datum: 0, type: "quantitative" } } },
      {
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { y, x: { field: "low", type: "quantitative", title }, x2: { field: "high" } },
      },
      {
        mark: { type: "point", filled: true, size: 55, opacity: 1 },
        encoding: { y, x: { field: "difference", type: "quantitative" } },
      },
    ],
  };
}

/** The settings in which the compared runs differ, one column for each run. */
export function settingsBlocks({ runs }: RunList): readonly Block[] {
  const keys = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  if (keys.length === 0) return [];
  const hidden = keys.length > mostChanges ? ` (the first ${mostChanges} of ${keys.length})` : "";
  return [
    {
      type: "table",
      id: "settings",
      caption: `Settings that differ between the runs${hidden}.`,
      head: ["setting", ...runs.map(({ experiment, name }) => `${experiment} ${name}`)],
      align: [left, ...runs.map(() => left)],
      rows: keys
        .slice(0, mostChanges)
        .map((key) => [key, ...runs.map(({ settings }) => String(settings[key] ?? missing))]),
    },
  ];
}

/** Changes per table; `exp diff --json` has all of them. */
const mostChanges = 40;

/**
 * The differences between two runs by category, and the cases whose correctness changed. `armName` gives the display
 * name of an arm.
 */
export function diffBlocks(diff: RunDiff, armName: Naming["arm"]): readonly Block[] {
  const categories = ["config", "data", "prompt", "recipe", "environment", "hardware", "files"] as const;
  const changed = Object.entries(diff.cases).filter(([, { cases }]) => cases > 0);
  return [
    heading(1, "Differences"),
    paragraph("A is ", { code: diff.a }, ", B is ", { code: diff.b }, "."),
    ...(diff.notes.length === 0 ? [] : [{ type: "list" as const, items: diff.notes.map((note) => [note]) }]),
    ...categories.flatMap((category) => changeTable(category, diff[category])),
    ...(changed.length === 0
      ? []
      : [
          {
            type: "table" as const,
            id: "flips",
            caption: `Cases by arm of both runs (${diff.view} view). The filter “right in some arms only” below lists them.`,
            head: ["arm", "cases", "wrong in A, right in B", "right in A, wrong in B", "wrong in both, differently"],
            align: [left, right, right, right, right],
            rows: changed.map(([arm, { cases, fixed, broken, changed: different }]) => [
              armName(arm),
              ...[cases, fixed.length, broken.length, different.length].map(integer),
            ]),
          },
        ]),
  ];
}

function changeTable(category: string, changes: readonly Change[]): readonly Block[] {
  if (changes.length === 0) return [];
  const hidden = changes.length > mostChanges ? ` (the first ${mostChanges} of ${changes.length})` : "";
  return [
    {
      type: "table",
      id: `diff-${category}`,
      caption: `Differences in ${category}${hidden}.`,
      head: [category, "A", "B"],
      align: [left, left, left],
      rows: changes.slice(0, mostChanges).map(({ name, a, b }) => [name, changeText(a), changeText(b)]),
    },
  ];
}

function changeText(value: Change["a"]): string {
  const text = value === null ? missing : typeof value === "string" ? value : JSON.stringify(value);
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}
