import type { LoadedExperiment, Point, RunRole } from "../../config/loaded.ts";
import type { Site } from "../../plugins/site.ts";
import { buildPlan, partOf } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import { draftsOf, draftsOfCandidate, kinds } from "../steps/index.ts";
import { readSelection } from "../steps/selection.ts";
import type { Choice, Drafted, DraftedPoint } from "./choice.ts";
import { chooser } from "./choosing.ts";

/** A plan, and what each of its runs stands for. */
export type Planned = {
  /** What is known to be needed: every run, but of a sweep that chooses those alone that it chooses among first. */
  readonly plan: Plan;
  /** The same and all that winners may need: sources are read and frozen for all of it at once. */
  readonly whole: Plan;
  /** Grows as more is planned. */
  readonly points: ReadonlyMap<PlannedRun, DraftedPoint>;
  /** Every selection so far, and those of them that nothing was planned for yet. */
  readonly choices: readonly Choice[];
  readonly open: readonly Choice[];
};

/** Drafts every run of every file into one plan. */
export function planAll(
  loaded: readonly LoadedExperiment[],
  project: { readonly site: Site; readonly digests: { of(path: string): string } },
): Planned {
  const { site, digests } = project;
  // What is planned later goes by the sources as they are now.
  const known = new Map<string, string>();
  const digest = (path: string): string => {
    const sha256 = known.get(path) ?? digests.of(path);
    known.set(path, sha256);
    return sha256;
  };
  const points = new Map<PlannedRun, DraftedPoint>();
  const add = (whole: Plan, runs: readonly Drafted[]): { whole: Plan; added: readonly PlannedRun[] } => {
    const next = buildPlan(runs, kinds, digest, whole);
    const added = next.runs.slice(whole.runs.length);
    for (const [at, run] of added.entries()) points.set(run, (runs[at] as Drafted).point);
    return { whole: next, added };
  };
  const candidateOf = (one: LoadedExperiment, point: Point, earlier?: PlannedRun): Drafted => ({
    experiment: one.name,
    role: point.isCandidate ? "candidate" : "final",
    coordinates: point.coordinates,
    drafts: point.isCandidate
      ? draftsOfCandidate(point.experiment, site, point.rung)
      : draftsOf(point.experiment, site, point.compared),
    earlier,
    point: { ...point, file: one.file },
  });

  const first = add(
    { runs: [], steps: [] },
    loaded.flatMap((one) => one.points.map((point) => candidateOf(one, point))),
  );
  let { whole } = first;
  const left = [...first.added];
  const ladders = loaded.map((one) => {
    const rungs = [left.splice(0, one.points.length)];
    for (const further of one.rungs ?? []) {
      const next = add(
        whole,
        further.map((point, at) => candidateOf(one, point, rungs.at(-1)?.[at])),
      );
      whole = next.whole;
      rungs.push([...next.added]);
    }
    return rungs;
  });
  const choices = loaded.flatMap((one, index): readonly Choice[] => {
    if (one.sweep?.select === undefined) return [];
    const choose = chooser(one, ladders[index] as PlannedRun[][], { site, digest, add });
    const begun = choose(whole);
    whole = begun.whole;
    return [begun.choice];
  });
  const plan = partOf(
    whole,
    first.added,
    choices.map(({ step }) => step),
  );
  return { plan, whole, points, choices, open: choices };
}

/**
 * What selections lead to that have been made since: the next rung's runs and selection, or the runs that score a winner on test.
 * `dirOf` gives the folder of what a step has written. Undefined where no selection was made that leads to anything.
 */
export function planNext(planned: Planned, dirOf: (step: PlannedStep) => string | undefined): Planned | undefined {
  let { whole } = planned;
  const runs: PlannedRun[] = [];
  const besides: PlannedStep[] = [];
  const open: Choice[] = [];
  const opened: Choice[] = [];
  for (const choice of planned.open) {
    const dir = dirOf(choice.step);
    if (dir === undefined) {
      open.push(choice);
      continue;
    }
    const next = choice.follow(readSelection(dir), whole);
    whole = next.whole;
    runs.push(...next.runs);
    if (next.choice === undefined) continue;
    opened.push(next.choice);
    besides.push(choice.step, next.choice.step);
  }
  if (runs.length === 0) return undefined;
  const choices = [...planned.choices, ...opened];
  return { plan: partOf(whole, runs, besides), whole, points: planned.points, choices, open: [...open, ...opened] };
}

/** The run of a plan with the coordinates and the role of a finished run. */
export function runLike(
  { whole }: Pick<Planned, "whole">,
  finished: { readonly coordinates: string; readonly role: RunRole },
): PlannedRun | undefined {
  return whole.runs.findLast(({ coordinates, role }) => coordinates === finished.coordinates && role === finished.role);
}

/** Whether a run is the winner of a sweep's selection. */
export function isWinner({ choices }: Pick<Planned, "choices">, { experiment, role }: PlannedRun): boolean {
  return role === "final" && choices.some((choice) => choice.experiment === experiment);
}
