import type { LoadedExperiment, RunRole } from "../../config/loaded.ts";
import type { Site } from "../../plugins/site.ts";
import { partOf } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import { readSelection } from "../steps/selection.ts";
import { type DraftedPoint, Planner } from "./planner.ts";
import {
  firstSelection,
  followSelection,
  type PlannedSelection,
  selectingSweep,
  unproposed,
} from "./selection-rounds.ts";

/** The plan of a command, as far as the selections of its sweeps are known. */
export type Planned = {
  /** The next part to execute: at first every run, but of a sweep by halving or TPE only those of its first round. */
  readonly plan: Plan;
  /**
   * Everything that was planned so far, with every step that winners may need. Sources are read and frozen for all of
   * it at once.
   */
  readonly whole: Plan;
  /** The point of each run. Grows as more is planned. */
  readonly points: ReadonlyMap<PlannedRun, DraftedPoint>;
  /** Every selection so far, and those of them that were not followed yet. */
  readonly selections: readonly PlannedSelection[];
  readonly open: readonly PlannedSelection[];
  readonly planner: Planner;
};

/** Plans every run of every file. */
export function planAll(
  loaded: readonly LoadedExperiment[],
  project: { readonly site: Site; readonly digests: { of(path: string): string } },
): Planned {
  const planner = new Planner(project.site, (path) => project.digests.of(path));
  const drafted = loaded.map((one) => one.points.map((point) => planner.draft(one, point)));
  const first = planner.add({ runs: [], steps: [] }, drafted.flat());
  let whole = first.plan;
  let begin = 0;
  const selections: PlannedSelection[] = [];
  const sweeps = loaded.flatMap((one) => {
    const ladder: (readonly PlannedRun[])[] = [first.runs.slice(begin, begin + one.points.length)];
    begin += one.points.length;
    for (const points of one.rungs ?? []) {
      const earlier = ladder.at(-1);
      const rung = planner.add(
        whole,
        points.map((point, at) => planner.draft(one, point, earlier?.[at])),
      );
      whole = rung.plan;
      ladder.push(rung.runs);
    }
    return selectingSweep(one, ladder, planner) ?? [];
  });
  const waiting = new Set<PlannedRun>();
  for (const sweep of sweeps) {
    const opened = firstSelection(whole, sweep, planner);
    whole = opened.plan;
    selections.push(opened.selection);
    for (const run of unproposed(opened.selection)) waiting.add(run);
  }
  const plan = partOf(
    whole,
    first.runs.filter((run) => !waiting.has(run)),
    selections.map(({ step }) => step),
  );
  return { plan, whole, points: planner.points, selections, open: selections, planner };
}

/**
 * The next part of a plan: what follows from the open selections that were made since. `dirOf` gives the folder of a
 * step's output if there is one. Undefined if nothing follows.
 */
export function planNext(planned: Planned, dirOf: (step: PlannedStep) => string | undefined): Planned | undefined {
  const { planner } = planned;
  let { whole } = planned;
  const runs: PlannedRun[] = [];
  const steps: PlannedStep[] = [];
  const open: PlannedSelection[] = [];
  const opened: PlannedSelection[] = [];
  for (const selection of planned.open) {
    const dir = dirOf(selection.step);
    if (dir === undefined) {
      open.push(selection);
      continue;
    }
    const followed = followSelection(whole, selection, readSelection(dir), planner);
    whole = followed.plan;
    runs.push(...followed.runs);
    if (followed.next === undefined) continue;
    opened.push(followed.next);
    steps.push(selection.step, followed.next.step);
  }
  if (runs.length === 0) return undefined;
  const selections = [...planned.selections, ...opened];
  return { ...planned, plan: partOf(whole, runs, steps), whole, selections, open: [...open, ...opened] };
}

/** The run of a plan with the coordinates and the role of a finished run. */
export function runLike(
  { whole }: Pick<Planned, "whole">,
  finished: { readonly coordinates: string; readonly role: RunRole },
): PlannedRun | undefined {
  return whole.runs.findLast(({ coordinates, role }) => coordinates === finished.coordinates && role === finished.role);
}

/** Whether a run is the winner of a sweep's selection. */
export function isWinner({ selections }: Pick<Planned, "selections">, { experiment, role }: PlannedRun): boolean {
  return role === "final" && selections.some((selection) => selection.experiment === experiment);
}
