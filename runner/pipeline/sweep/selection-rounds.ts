import type { Rung } from "../../config/halving.ts";
import type { LoadedExperiment, Point } from "../../config/loaded.ts";
import type { Select } from "../../config/schema.ts";
import { type Tpe, tpeRounds } from "../../config/tpe.ts";
import { drawOrder, type Setting } from "../../evaluation/statistics/parzen.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import { draftSelect, settingValues } from "../steps/select.ts";
import type { Selection } from "../steps/selection.ts";
import type { Drafted, Planner } from "./planner.ts";

/** A sweep that selects its winner, in one round, in one for each rung of successive halving, or in rounds of TPE. */
export type SelectingSweep = {
  readonly experiment: string;
  readonly select: Select;
  /** Keys that settings are averaged over. */
  readonly repeated: readonly string[];
  /** Of successive halving: one setting in `eta` survives a round. */
  readonly eta: number | undefined;
  /** Of TPE: each round has every point, and `sizes` the number of settings that are tried up to its end. */
  readonly tpe: (Tpe & { readonly sizes: readonly number[] }) | undefined;
  readonly rounds: readonly Round[];
  /**
   * The runs that score a winner on its final rows. They are drafted at once, so that later edits of files do not
   * affect them.
   */
  readonly finals: readonly Drafted[];
};

/**
 * The runs of all points on one rung, in the order of the sweep. Those of settings that were dropped before never run.
 */
type Round = readonly { readonly point: Point; readonly run: PlannedRun }[];

/** A selection whose candidates are known. */
export type PlannedSelection = {
  readonly experiment: string;
  readonly sweep: SelectingSweep;
  /** Index in `sweep.rounds`. */
  readonly round: number;
  readonly step: PlannedStep;
  /** Names of the settings that it compares. */
  readonly settings: ReadonlySet<string>;
  /** In the last round: setting -> the runs that score it on its final rows, one for each seed. */
  readonly finals: ReadonlyMap<string, readonly PlannedRun[]>;
};

/** A sweep with the runs of its candidates: `ladder` has those of each rung. */
export function selectingSweep(
  loaded: LoadedExperiment,
  ladder: readonly (readonly PlannedRun[])[],
  planner: Planner,
): SelectingSweep | undefined {
  const { select, repeated = [], halving, tpe: proposing } = loaded.sweep ?? {};
  if (select === undefined) return undefined;
  const rungs = [loaded.points, ...(loaded.rungs ?? [])];
  const onRungs = rungs.map((points, at) =>
    points.map((point, index) => ({ point, run: ladder[at]?.[index] as PlannedRun })),
  );
  const finals = (rungs.at(-1) ?? []).flatMap((point) => planner.draftFinal(loaded, point) ?? []);
  const sizes = proposing && sizesOf(loaded.points, proposing);
  const tpe = proposing && sizes && { ...proposing, sizes };
  const rounds = sizes?.map(() => onRungs[0] as Round) ?? onRungs;
  return { experiment: loaded.name, select, repeated, eta: halving?.eta, tpe, rounds, finals };
}

/** The number of settings that TPE has tried at the end of each round. */
function sizesOf(points: readonly Point[], tpe: Tpe): readonly number[] {
  let tried = 0;
  return tpeRounds(namesOf(points).length, tpe).map((count) => {
    tried += count;
    return tried;
  });
}

const namesOf = (points: readonly Point[]): readonly string[] => [...new Set(points.map(({ setting }) => setting))];

/** The runs of a sweep by TPE that no selection has proposed; none of other sweeps. */
export function unproposed({ sweep, round, settings }: PlannedSelection): readonly PlannedRun[] {
  if (sweep.tpe === undefined) return [];
  return (sweep.rounds[round] as Round).filter(({ point }) => !settings.has(point.setting)).map(({ run }) => run);
}

/** Adds the selection of a sweep's first round to a plan, and every step that any winner would need. */
export function firstSelection(plan: Plan, sweep: SelectingSweep, planner: Planner): Opened {
  const names = namesOf((sweep.rounds[0] ?? []).map(({ point }) => point));
  const all = new Set(names);
  const { tpe } = sweep;
  const settings = tpe === undefined ? all : new Set(drawOrder(names, tpe.seed).slice(0, tpe.sizes[0]));
  const opened = openSelection(plan, sweep, { round: 0, settings }, planner);
  const last = sweep.rounds.length - 1;
  if (last === 0) return opened;
  // Sources are read and frozen when a run starts. So winners are planned as if all settings reached the last round;
  // the selection among all of them is left out again.
  const { plan: whole, selection } = openSelection(
    opened.plan,
    sweep,
    { round: last, settings: all, before: opened.selection.step },
    planner,
  );
  const steps = whole.steps.filter((step) => step !== selection.step);
  return { plan: { ...whole, steps }, selection: opened.selection };
}

type Opened = { readonly plan: Plan; readonly selection: PlannedSelection };

/**
 * Adds a selection to a plan; in the last round also the runs that score each candidate on its final rows, if it wins.
 */
function openSelection(
  plan: Plan,
  sweep: SelectingSweep,
  {
    round,
    settings,
    before,
  }: { readonly round: number; readonly settings: ReadonlySet<string>; readonly before?: PlannedStep },
  planner: Planner,
): Opened {
  const { experiment, select, repeated, eta, tpe, rounds } = sweep;
  const isLast = round === rounds.length - 1;
  const candidates = roundRuns(sweep, round, settings).map(({ point, run }) => ({
    point,
    stepOf: (step: string) => (run.steps.get(step) as PlannedStep).id,
  }));
  const proposal =
    tpe === undefined || isLast
      ? undefined
      : {
          round: round + 1,
          count: (tpe.sizes[round + 1] as number) - (tpe.sizes[round] as number),
          seed: tpe.seed,
          pool: poolOf(rounds[round] as Round, repeated),
        };
  const ladder = tpe === undefined ? { eta, before: before?.id } : {};
  const draft = draftSelect(candidates, { select, repeated, ...ladder, proposal }, planner.site);
  const { plan: withSelection, step } = planner.addStep(plan, draft);
  const selection = { experiment, sweep, round, step, settings };
  if (!isLast) return { plan: withSelection, selection: { ...selection, finals: new Map() } };
  const drafted = sweep.finals
    .filter(({ point }) => settings.has(point.setting))
    .map((one) => ({ ...one, shared: new Map([["select", step]]) }));
  const added = planner.add(withSelection, drafted);
  const finals = new Map<string, PlannedRun[]>();
  for (const [at, { point }] of drafted.entries()) {
    finals.set(point.setting, [...(finals.get(point.setting) ?? []), added.runs[at] as PlannedRun]);
  }
  return { plan: added.plan, selection: { ...selection, finals } };
}

/** What a selection that was made leads to: the next round, or the winner's final runs. */
export function followSelection(
  plan: Plan,
  { sweep, round, step, settings: tried, finals }: PlannedSelection,
  { winner, kept = [], proposed }: Selection,
  planner: Planner,
): { readonly plan: Plan; readonly runs: readonly PlannedRun[]; readonly next?: PlannedSelection } {
  if (round === sweep.rounds.length - 1) return { plan, runs: finals.get(winner) ?? [] };
  const chosen = new Set(proposed ?? kept);
  const settings = proposed === undefined ? chosen : new Set([...tried, ...proposed]);
  const next = openSelection(plan, sweep, { round: round + 1, settings, before: step }, planner);
  const runs = roundRuns(sweep, round + 1, chosen).map(({ run }) => run);
  return { plan: next.plan, runs, next: next.selection };
}

function roundRuns(sweep: SelectingSweep, round: number, settings: ReadonlySet<string>): Round {
  return (sweep.rounds[round] as Round).filter(({ point }) => settings.has(point.setting));
}

/** Every setting of a round, with the values that distinguish it. */
function poolOf(round: Round, repeated: readonly string[]): readonly Setting[] {
  const pool = new Map(round.map(({ point }) => [point.setting, settingValues(point, repeated)]));
  return [...pool].map(([setting, values]) => ({ setting, values }));
}

/** The number of settings that TPE proposes after a selection, in all later rounds. */
export function furtherProposals({ sweep: { tpe }, round }: PlannedSelection): number {
  return tpe === undefined ? 0 : (tpe.sizes.at(-1) as number) - (tpe.sizes[round] as number);
}

/** The rungs after a selection, each with the number of settings that reach it. */
export function furtherRungs({ sweep, round }: PlannedSelection): readonly Rung[] {
  return sweep.rounds.slice(round + 1).flatMap(([first]) => first?.point.rung ?? []);
}

/** How many runs score a winner on its final rows: one for each seed, or none if no winner is scored again. */
export function finalRunCount({ finals }: SelectingSweep): number {
  return finals.filter(({ point }) => point.setting === finals[0]?.point.setting).length;
}
