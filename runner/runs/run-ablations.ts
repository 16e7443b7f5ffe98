import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { lastScores, readSelection, type Selection } from "../pipeline/steps/selection.ts";
import { boundsOf } from "../util/bounds.ts";
import { dotted } from "../util/flatten.ts";
import { type Ablation, ablationOf, isRepetition, rowsOf, total, varying } from "./ablation.ts";
import { type FinishedRun, runsIn } from "./finished-runs.ts";
import { isWinner } from "./manifest.ts";
import { subjectOf } from "./run-arms.ts";
import { runRowOf } from "./run-row.ts";

/** Tables of the sweeps of finished runs. Reads each experiment's runs once. The runs of one sweep share one table. */
export class Ablations {
  readonly #runs = new Map<string, readonly FinishedRun[]>();
  readonly #tables = new Map<string, Ablation>();
  readonly #members = new Map<Ablation, readonly (readonly FinishedRun[])[]>();

  /** The table of a run's sweep, over the runs that exist; undefined if the run belongs to no sweep. */
  of(run: FinishedRun): Ablation | undefined {
    if (run.manifest.coordinates === "") return undefined;
    const folder = dirname(run.path);
    if (isWinner(run.manifest)) {
      return existsSync(join(folder, "selection.json")) ? ablationOfWinner(run, this.#siblings(run)) : undefined;
    }
    const known = this.#tables.get(folderOf(run));
    if (known !== undefined) return known;
    const found = ablationWithoutSelection(run, this.#siblings(run));
    if (found === undefined) return undefined;
    for (const one of found.runs) this.#tables.set(folderOf(one), found.ablation);
    this.#members.set(found.ablation, found.settings);
    return found.ablation;
  }

  /** The runs of each setting of a table, in its order; undefined for the table of a selection. */
  runsOf(table: Ablation): readonly (readonly FinishedRun[])[] | undefined {
    return this.#members.get(table);
  }

  #siblings({ path }: FinishedRun): readonly FinishedRun[] {
    const folder = dirname(dirname(path));
    const found = this.#runs.get(folder) ?? runsIn(folder);
    this.#runs.set(folder, found);
    return found;
  }
}

const folderOf = ({ path, manifest }: FinishedRun): string => join(dirname(dirname(path)), manifest.run);

type Found = {
  readonly ablation: Ablation;
  /** All runs of the sweep, also those that were sealed again. */
  readonly runs: readonly FinishedRun[];
  /** The runs of each setting that the table counts. */
  readonly settings: readonly (readonly FinishedRun[])[];
};

/**
 * The table of a sweep without a selection. Its runs differ only in the keys of their coordinates; seeds of training and
 * generation are averaged over. Undefined for a single run, and for a candidate: the winner's run has the table.
 */
function ablationWithoutSelection(run: FinishedRun, siblings: readonly FinishedRun[]): Found | undefined {
  const keys = [...valuesOf(run).keys()];
  const otherSettings = ({ manifest }: FinishedRun): string =>
    JSON.stringify([...dotted(manifest.config)].filter(([key]) => !keys.includes(key)));
  const alike = siblings.filter((one) => [...valuesOf(one).keys()].join() === keys.join());
  if (alike.some(({ manifest }) => isWinner(manifest))) return undefined;
  const own = otherSettings(run);
  const members = alike.filter((one) => otherSettings(one) === own);
  // If a run was sealed twice, the newer one counts.
  const runs = new Map(members.map((one) => [one.manifest.coordinates, one]));
  if (runs.size < 2) return undefined;
  const varied = keys.filter((key) => !isRepetition(key));
  const scored = [...runs.values()].map((one) => {
    const written = valuesOf(one);
    const values = Object.fromEntries(varied.map((key) => [key, written.get(key)]));
    const [score] = runRowOf(one).scores;
    const { value = null, interval = null } = score ?? {};
    return {
      ...{ setting: JSON.stringify(values), values, value, interval, seconds: one.manifest.cost.seconds },
      ...{ trainingRows: trainingRowsOf(one), run: one },
    };
  });
  const settings = new Map<string, FinishedRun[]>();
  for (const { setting, run: one } of scored) settings.set(setting, [...(settings.get(setting) ?? []), one]);
  const { primary, split } = run.manifest.config.evaluate;
  const subject = { experiment: run.manifest.experiment, ...primary, rows: split };
  return { ablation: ablationOf(subject, scored), runs: members, settings: [...settings.values()] };
}

/** The dotted keys of a run's coordinates, with their values as written. */
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

/** The table of the sweep that a run won. */
function ablationOfWinner(winner: FinishedRun, siblings: readonly FinishedRun[]): Ablation {
  const folder = dirname(winner.path);
  const selection = readSelection(folder);
  const chosen = selection.settings.find(({ setting }) => setting === selection.winner);
  const seeds = new Set(chosen?.runs.map(({ coordinates }) => coordinates));
  const own = winner.manifest.steps.select?.object;
  // If a run was sealed twice, with another version of exp or other inputs, the newer one counts.
  const finals = new Map(
    siblings
      .filter(({ manifest: { coordinates, steps } }) => steps.select?.object === own && seeds.has(coordinates))
      .map((run) => [run.manifest.coordinates, run]),
  );
  const candidates = new Map<string, Candidate>();
  for (const one of siblings) {
    const { role, coordinates, cost } = one.manifest;
    if (role === "candidate") candidates.set(coordinates, { seconds: cost.seconds, trainingRows: trainingRowsOf(one) });
  }
  return ablationOfSelection(
    winner.manifest.experiment,
    selection,
    finals.size > 0 ? [...finals.values()] : [winner],
    (coordinates) => candidates.get(coordinates),
  );
}

/** The training rows that a run used, after every limit and split. */
export function trainingRowsOf({ manifest: { steps } }: FinishedRun): number | undefined {
  const rows = steps.data?.evidence.train;
  return typeof rows === "number" ? rows : undefined;
}

/** What a table shows of a run of a setting. */
type Candidate = { readonly seconds: number; readonly trainingRows?: number | undefined };

/** The table of a selection. `finals` are the winner's runs on test; `candidate` finds a run by its coordinates. */
export function ablationOfSelection(
  experiment: string,
  selection: Selection,
  finals: readonly FinishedRun[],
  candidate: (coordinates: string) => Candidate | undefined,
): Ablation {
  const { metric, view, rows, winner, why } = selection;
  const settings = lastScores(selection);
  const primary = finals[0]?.manifest.config.evaluate.primary;
  return {
    ...{ experiment, metric, view, rows, keys: varying(settings) },
    settings: settings.map(({ setting, values, value, low, high, sd, runs, epochs, coordinates }) => ({
      ...{ values, value, interval: boundsOf({ low, high }), sd, runs: runs.length },
      ...(epochs === undefined ? { scores: runs.map((run) => run.value) } : { epochs }),
      ...rowsOf(coordinates.map((one) => candidate(one)?.trainingRows)),
      seconds: total(coordinates.map((one) => candidate(one)?.seconds ?? null)),
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
  return { value: arms[arm]?.[view]?.[metric] ?? null, ...boundsOf(ends) };
}
