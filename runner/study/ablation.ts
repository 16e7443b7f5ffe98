import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Experiment } from "../experiment/schema.ts";
import { type Ablation, total, varying } from "../report/ablation.ts";
import { lastScores, readSelection, type Selection } from "../steps/selection.ts";
import { subjectOf } from "./answers.ts";
import type { Manifest } from "./manifest.ts";
import type { FinishedRun } from "./runs.ts";

/** The sweep that a finished run won, with what its runs cost as far as they are here; undefined where it won none. */
export function ablationOf(winner: FinishedRun): Ablation | undefined {
  const folder = dirname(winner.path);
  if (winner.manifest.steps.select === undefined || !existsSync(join(folder, "selection.json"))) return undefined;
  const selection = readSelection(folder);
  const beside = siblings(dirname(folder));
  const chosen = selection.settings.find(({ setting }) => setting === selection.winner);
  const seeds = new Set(chosen?.runs.map(({ coordinates }) => coordinates));
  const own = winner.manifest.steps.select.object;
  // Of a run that was sealed twice, by another exp or with other inputs besides, the newer one counts.
  const finals = new Map(
    beside
      .filter(({ manifest: { coordinates, steps } }) => steps.select?.object === own && seeds.has(coordinates))
      .map((run) => [run.manifest.coordinates, run]),
  );
  const cost = new Map<string, number>();
  for (const { manifest } of beside) {
    if (manifest.steps.select === undefined) cost.set(manifest.coordinates, manifest.cost.seconds);
  }
  return ablationFrom(
    winner.manifest.experiment,
    selection,
    finals.size > 0 ? [...finals.values()] : [winner],
    (coordinates) => cost.get(coordinates),
  );
}

/** A selection as a table; `finals` are the winner's runs on test, `seconds` what a run cost by its coordinates. */
export function ablationFrom(
  experiment: string,
  selection: Selection,
  finals: readonly FinishedRun[],
  seconds: (coordinates: string) => number | undefined,
): Ablation {
  const { metric, view, rows, winner, why } = selection;
  const settings = lastScores(selection);
  const primary = finals[0] && (finals[0].manifest.config as unknown as Experiment).evaluate.primary;
  return {
    ...{ experiment, metric, view, rows, keys: varying(settings) },
    settings: settings.map(({ setting, values, value, low, high, sd, runs, epochs, coordinates }) => ({
      ...{ values, value, interval: { low, high }, sd, runs: runs.length },
      ...(epochs === undefined ? {} : { epochs }),
      seconds: total(coordinates.map((one) => seconds(one) ?? null)),
      ...(setting === winner && finals.length > 0 ? { test: finals.map(testScore) } : {}),
    })),
    chosen: { metric: primary?.metric ?? metric, view: primary?.view ?? view, why },
  };
}

function testScore(run: FinishedRun) {
  const { arms, intervals, config } = run.manifest;
  const { metric, view } = (config as unknown as Experiment).evaluate.primary;
  const arm = subjectOf(run);
  const ends = intervals[arm]?.[view]?.[metric];
  return { value: arms[arm]?.[view]?.[metric] ?? 0, ...(ends === undefined ? {} : { low: ends.low, high: ends.high }) };
}

/** The finished runs of an experiment's folder, oldest first. */
function siblings(folder: string): readonly FinishedRun[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name, "manifest.json"))
    .filter(existsSync)
    .map((path) => ({ path, manifest: JSON.parse(readFileSync(path, "utf8")) as Manifest }))
    .sort((a, b) => (a.manifest.created < b.manifest.created ? -1 : 1));
}
