import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { lastScores, readSelection, type Selection } from "../pipeline/steps/selection.ts";
import { dotted } from "../util/flatten.ts";
import { type Ablation, averaged, total, varying } from "./ablation.ts";
import type { FinishedRun } from "./finished-runs.ts";
import type { Manifest } from "./manifest.ts";
import { subjectOf } from "./run-outputs.ts";
import { runRowOf } from "./run-row.ts";

/** The sweeps that finished runs are of. Each folder of runs is read once, and the runs of one sweep are given one table. */
export class Ablations {
  readonly #beside = new Map<string, readonly FinishedRun[]>();
  readonly #known = new Map<string, Ablation>();

  /** The sweep that a finished run is of, as far as its runs are here; undefined where it is of none. */
  of(run: FinishedRun): Ablation | undefined {
    if (run.manifest.coordinates === "") return undefined;
    const folder = dirname(run.path);
    if (run.manifest.steps.select !== undefined) {
      return existsSync(join(folder, "selection.json")) ? ablationWonBy(run, this.#siblings(run)) : undefined;
    }
    const known = this.#known.get(nameOf(run));
    if (known !== undefined) return known;
    const found = ablationAround(run, this.#siblings(run));
    for (const one of found?.runs ?? []) this.#known.set(nameOf(one), (found as Around).ablation);
    return found?.ablation;
  }

  #siblings({ path }: FinishedRun): readonly FinishedRun[] {
    const folder = dirname(dirname(path));
    const found = this.#beside.get(folder) ?? siblings(folder);
    this.#beside.set(folder, found);
    return found;
  }
}

const nameOf = ({ path, manifest }: FinishedRun): string => join(dirname(dirname(path)), manifest.run);

type Around = { readonly ablation: Ablation; readonly runs: readonly FinishedRun[] };

/**
 * The runs of a sweep that chooses nothing: they differ in the keys of their coordinates alone, and seeds of training and
 * generation are averaged over. Undefined for one run, and for one of those that a winner was chosen from: that has the table.
 */
function ablationAround(run: FinishedRun, beside: readonly FinishedRun[]): Around | undefined {
  const keys = [...valuesOf(run).keys()];
  const rest = ({ manifest }: FinishedRun): string =>
    JSON.stringify([...dotted(manifest.config)].filter(([key]) => !keys.includes(key)));
  const alike = beside.filter((one) => [...valuesOf(one).keys()].join() === keys.join());
  if (alike.some(({ manifest }) => manifest.steps.select !== undefined)) return undefined;
  const own = rest(run);
  // Of a run that was sealed twice the newer one counts.
  const members = alike.filter((one) => rest(one) === own);
  const runs = new Map(members.map((one) => [one.manifest.coordinates, one]));
  if (runs.size < 2) return undefined;
  const chosen = keys.filter((key) => !/^(train|generate)\..*seed$/.test(key));
  const settings = averaged(
    [...runs.values()].map((one) => {
      const { manifest } = one;
      const written = valuesOf(one);
      const values = Object.fromEntries(chosen.map((key) => [key, written.get(key)]));
      const [score] = runRowOf(one).scores;
      const { value = null, interval = null } = score ?? {};
      return { setting: JSON.stringify(values), values, value, interval, seconds: manifest.cost.seconds };
    }),
  );
  const { primary, split } = run.manifest.config.evaluate;
  const ablation = { experiment: run.manifest.experiment, ...primary, rows: split, keys: varying(settings), settings };
  return { ablation, runs: members };
}

/** The dotted keys that set a run of a sweep apart, with their values as they were written. */
function valuesOf({ manifest: { coordinates } }: FinishedRun): ReadonlyMap<string, unknown> {
  const parts = coordinates.split(/,(?=[A-Za-z_][\w.]*=)/).map((part) => /^([\w.]+)=(.*)$/s.exec(part));
  return new Map(parts.flatMap((part) => (part === null ? [] : [[part[1] as string, parsed(part[2] as string)]])));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The sweep that a run won, with what its runs cost. */
function ablationWonBy(winner: FinishedRun, beside: readonly FinishedRun[]): Ablation {
  const folder = dirname(winner.path);
  const selection = readSelection(folder);
  const chosen = selection.settings.find(({ setting }) => setting === selection.winner);
  const seeds = new Set(chosen?.runs.map(({ coordinates }) => coordinates));
  const own = winner.manifest.steps.select?.object;
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
  const primary = finals[0]?.manifest.config.evaluate.primary;
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
  const { metric, view } = config.evaluate.primary;
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
