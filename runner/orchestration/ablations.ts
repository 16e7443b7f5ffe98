import type { LoadedExperiment } from "../config/loaded.ts";
import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { readSelection } from "../pipeline/steps/selection.ts";
import type { Planned } from "../pipeline/sweep/planned.ts";
import type { DraftedPoint } from "../pipeline/sweep/planner.ts";
import { type Ablation, ablationOf, isRepetition } from "../runs/ablation.ts";
import { readRun } from "../runs/finished-runs.ts";
import { ablationOfSelection, trainingRowsOf } from "../runs/run-ablations.ts";
import { runRowOf } from "../runs/run-row.ts";

/** A run whose manifest is written. */
export type Sealed = { readonly run: PlannedRun; readonly manifest: string };

/**
 * The ablation table of each sweep with sealed runs: of the settings that its selection compared, else of its runs.
 * `recordOf` gives the record of a step, `dirOf` the folder of its output.
 */
export function ablations(
  loaded: readonly LoadedExperiment[],
  { points, selections }: Pick<Planned, "points" | "selections">,
  sealed: readonly Sealed[],
  world: {
    recordOf(step: PlannedStep): StoreRecord | undefined;
    dirOf(step: PlannedStep): string | undefined;
  },
): readonly Ablation[] {
  const seconds = ({ steps }: PlannedRun): number => {
    const records = [...steps.values()].flatMap((step) => world.recordOf(step) ?? []);
    const distinct = new Map(records.map((record) => [record.key, record.seconds]));
    return [...distinct.values()].reduce((sum, one) => sum + one, 0);
  };
  return loaded.flatMap(({ name, sweep }): readonly Ablation[] => {
    const own = sealed.filter(({ run }) => run.experiment === name);
    if (sweep === undefined || own.length === 0) return [];
    const dirs = selections.flatMap(({ experiment, step }) => (experiment === name ? (world.dirOf(step) ?? []) : []));
    const finals = own.filter(({ run }) => run.role === "final");
    const dir = dirs.at(-1);
    if (dir !== undefined) {
      const candidates = new Map(
        own
          .filter((one) => !finals.includes(one))
          .map(({ run, manifest }) => [
            run.coordinates,
            { seconds: seconds(run), trainingRows: trainingRowsOf(readRun(manifest)) },
          ]),
      );
      const tested = finals.map(({ manifest }) => readRun(manifest));
      return [ablationOfSelection(name, readSelection(dir), tested, (coordinates) => candidates.get(coordinates))];
    }
    // Without a selection, or before it is made, the table shows the runs.
    const rows = own.map((one) => {
      const { values } = points.get(one.run) as DraftedPoint;
      const kept = Object.fromEntries(
        Object.entries(values).filter(([key]) => !sweep.repeated.includes(key) && !isRepetition(key)),
      );
      const setting = JSON.stringify(kept);
      const run = readRun(one.manifest);
      const { metric, view, scores } = runRowOf(run);
      return {
        ...{ metric, view, setting, values: kept, seconds: seconds(one.run), trainingRows: trainingRowsOf(run) },
        ...scores[0],
      };
    });
    const [{ metric, view }] = rows as [(typeof rows)[number]];
    const split = points.get((own[0] as Sealed).run)?.experiment.evaluate.split ?? "test";
    return [ablationOf({ experiment: name, metric, view, rows: split }, rows)];
  });
}
