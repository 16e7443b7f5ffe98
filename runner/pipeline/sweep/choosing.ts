import type { LoadedExperiment, Point } from "../../config/loaded.ts";
import type { Site } from "../../plugins/site.ts";
import { withStep } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import { draftsOf, kinds } from "../steps/index.ts";
import { draftSelect } from "../steps/select.ts";
import type { Choice, Drafted, Followed } from "./choice.ts";

type Planning = {
  readonly site: Site;
  digest(path: string): string;
  /** Plans further runs. */
  add(whole: Plan, runs: readonly Drafted[]): { readonly whole: Plan; readonly added: readonly PlannedRun[] };
};

const none: ReadonlyMap<string, readonly PlannedRun[]> = new Map();

type Chosen = { readonly whole: Plan; readonly choice: Choice };

/**
 * Plans the selections of a sweep, one after the other: which runs the next one chooses among is known when the one before it was
 * made. `ladder` has the runs of each rung, in the order of the sweep; a sweep that does not halve has one. What winners may need
 * is drafted at once, so that later edits play no part in it.
 */
export function chooser(
  one: LoadedExperiment,
  ladder: readonly (readonly PlannedRun[])[],
  { site, digest, add }: Planning,
): (whole: Plan) => Chosen {
  const { select, repeated, halving } = one.sweep as NonNullable<LoadedExperiment["sweep"]>;
  if (select === undefined) throw new Error(`${one.name} chooses nothing`);
  const rungs = [one.points, ...(one.rungs ?? [])];
  const last = rungs.length - 1;
  const drafts = (rungs[last] as readonly Point[]).flatMap((point) =>
    point.final === undefined
      ? []
      : [{ point, final: point.final, drafts: draftsOf(point.final, site, point.compared, true) }],
  );

  const selection = (whole: Plan, at: number, isLeft: (point: Point) => boolean, before?: PlannedStep) => {
    const candidates = (rungs[at] as readonly Point[]).flatMap((point, index) => {
      const run = (ladder[at] as readonly PlannedRun[])[index] as PlannedRun;
      return isLeft(point) ? [{ point, run, stepOf: (step: string) => (run.steps.get(step) as PlannedStep).id }] : [];
    });
    const given = { select, repeated, eta: halving?.eta, before: before?.id };
    return { candidates, ...withStep(whole, draftSelect(candidates, given, site), kinds, digest) };
  };

  /** The runs that score each of some settings on test, should it win. The selection that made it the winner is part of what it is. */
  const finals = (whole: Plan, step: PlannedStep, isLeft: (point: Point) => boolean) => {
    const own = drafts.filter(({ point }) => isLeft(point));
    const planned = add(
      whole,
      own.map(({ point, final, drafts: steps }) => ({
        experiment: one.name,
        role: "final",
        coordinates: point.coordinates,
        drafts: steps,
        shared: new Map([["select", step]]),
        point: { ...point, experiment: final, file: one.file },
      })),
    );
    const runs = new Map<string, PlannedRun[]>();
    for (const [index, { point }] of own.entries()) {
      runs.set(point.setting, [...(runs.get(point.setting) ?? []), planned.added[index] as PlannedRun]);
    }
    return { whole: planned.whole, runs };
  };

  const choose = (whole: Plan, at: number, isLeft: (point: Point) => boolean, before?: PlannedStep): Chosen => {
    const { candidates, plan, step } = selection(whole, at, isLeft, before);
    const settings = new Set(candidates.map(({ point }) => point.setting)).size;
    const scored =
      at === last ? finals(plan, step, isLeft) : { whole: at === 0 ? forecast(plan, step) : plan, runs: none };
    const further = rungs.slice(at + 1).flatMap(([point]) => point?.rung ?? []);
    const seeds = drafts.filter(({ point }) => point.setting === drafts[0]?.point.setting).length;
    const follow: Choice["follow"] = ({ winner, kept = [] }, later): Followed => {
      if (at === last) return { whole: later, runs: scored.runs.get(winner) ?? [] };
      const names = new Set(kept);
      const next = choose(later, at + 1, ({ setting }) => names.has(setting), step);
      const runs = (rungs[at + 1] as readonly Point[]).flatMap(({ setting }, index) =>
        names.has(setting) ? [ladder[at + 1]?.[index] as PlannedRun] : [],
      );
      return { whole: next.whole, runs, choice: next.choice };
    };
    return { whole: scored.whole, choice: { experiment: one.name, step, settings, further, finals: seeds, follow } };
  };

  /** All that a winner may need, so that it is frozen: planned as if every setting came to the last rung. That selection is never made. */
  const forecast = (whole: Plan, first: PlannedStep) => {
    const all = selection(whole, last, () => true, first);
    const planned = finals(all.plan, all.step, () => true).whole;
    const steps = planned.steps.filter((step) => step !== all.step);
    return { ...planned, steps };
  };

  return (whole) => choose(whole, 0, () => true);
}
