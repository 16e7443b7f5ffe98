import type { Rung } from "../../config/halving.ts";
import type { LoadedExperiment, Point } from "../../config/loaded.ts";
import type { Select } from "../../config/schema.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import { draftSelect } from "../steps/select.ts";
import type { Selection } from "../steps/selection.ts";
import type { Drafted, Planner } from "./planner.ts";

/** A sweep that selects its winner, in one round, or in one for each rung of successive halving. */
export type SelectingSweep = {
  readonly experiment: string;
  readonly select: Select;
  /** Keys that settings are averaged over. */
  readonly repeated: readonly string[];
  /** Of successive halving: one setting in `eta` survives a round. */
  readonly eta: number | undefined;
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
  const { select, repeated = [], halving } = loaded.sweep ?? {};
  if (select === undefined) return undefined;
  const rungs = [loaded.points, ...(loaded.rungs ?? [])];
  const rounds = rungs.map((points, at) =>
    points.map((point, index) => ({ point, run: ladder[at]?.[index] as PlannedRun })),
  );
  const finals = (rungs.at(-1) ?? []).flatMap((point) => planner.draftFinal(loaded, point) ?? []);
  return { experiment: loaded.name, select, repeated, eta: halving?.eta, rounds, finals };
}

/** Adds the selection of a sweep's first round to a plan, and every step that any winner would need. */
export function firstSelection(plan: Plan, sweep: SelectingSweep, planner: Planner): Opened {
  const settings = new Set((sweep.rounds[0] ?? []).map(({ point }) => point.setting));
  const opened = openSelection(plan, sweep, { round: 0, settings }, planner);
  const last = sweep.rounds.length - 1;
  if (last === 0) return opened;
  // Sources are read and frozen when a run starts. So winners are planned as if all settings reached the last round;
  // the selection among all of them is left out again.
  const { plan: whole, selection } = openSelection(
    opened.plan,
    sweep,
    { round: last, settings, before: opened.selection.step },
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
  const { experiment, select, repeated, eta, rounds } = sweep;
  const candidates = roundRuns(sweep, round, settings).map(({ point, run }) => ({
    point,
    stepOf: (step: string) => (run.steps.get(step) as PlannedStep).id,
  }));
  const draft = draftSelect(candidates, { select, repeated, eta, before: before?.id }, planner.site);
  const { plan: withSelection, step } = planner.addStep(plan, draft);
  const selection = { experiment, sweep, round, step, settings };
  if (round < rounds.length - 1) return { plan: withSelection, selection: { ...selection, finals: new Map() } };
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
  { sweep, round, step, finals }: PlannedSelection,
  { winner, kept = [] }: Selection,
  planner: Planner,
): { readonly plan: Plan; readonly runs: readonly PlannedRun[]; readonly next?: PlannedSelection } {
  if (round === sweep.rounds.length - 1) return { plan, runs: finals.get(winner) ?? [] };
  const settings = new Set(kept);
  const next = openSelection(plan, sweep, { round: round + 1, settings, before: step }, planner);
  const runs = roundRuns(sweep, round + 1, settings).map(({ run }) => run);
  return { plan: next.plan, runs, next: next.selection };
}

function roundRuns(sweep: SelectingSweep, round: number, settings: ReadonlySet<string>): Round {
  return (sweep.rounds[round] as Round).filter(({ point }) => settings.has(point.setting));
}

/** The rungs after a selection, each with the number of settings that reach it. */
export function furtherRungs({ sweep, round }: PlannedSelection): readonly Rung[] {
  return sweep.rounds.slice(round + 1).flatMap(([first]) => first?.point.rung ?? []);
}

/** How many runs score a winner on its final rows: one for each seed, or none if no winner is scored again. */
export function finalRunCount({ finals }: SelectingSweep): number {
  return finals.filter(({ point }) => point.setting === finals[0]?.point.setting).length;
}
