import type { LoadedExperiment, Point } from "../experiment/loaded.ts";
import type { Experiment } from "../experiment/schema.ts";
import { buildPlan, partOf, withStep } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import { draftsOf, draftsOfCandidate, kinds } from "../steps/index.ts";
import { draftSelect, readSelection } from "../steps/select.ts";
import type { Project } from "./project.ts";

/** A point of an experiment, and the file that declares it. */
export type DraftedPoint = Point & { readonly file: string };

/** A sweep that chooses: the step that does, and what is run for each setting should it win. */
export type Choice = {
  readonly experiment: string;
  readonly step: PlannedStep;
  /** Setting -> the runs that score it on test: one for each seed. */
  readonly finals: ReadonlyMap<string, readonly PlannedRun[]>;
};

/** A plan, and what each of its runs stands for. */
export type Planned = {
  /** What is known to be needed: every run, but of a sweep that chooses those alone that it chooses among. */
  readonly plan: Plan;
  /** The same and all that winners may need: sources are read and frozen for all of it at once. */
  readonly whole: Plan;
  readonly points: ReadonlyMap<PlannedRun, DraftedPoint>;
  readonly choices: readonly Choice[];
};

/** Drafts every run of every file into one plan. */
export function planAll(loaded: readonly LoadedExperiment[], project: Project): Planned {
  const { site, digests } = project;
  const digest = (path: string): string => digests.of(path);
  const drafted = (one: LoadedExperiment, point: Point, experiment: Experiment, chosenBy?: PlannedStep) => ({
    experiment: one.name,
    coordinates: point.coordinates,
    drafts:
      point.isCandidate && chosenBy === undefined
        ? draftsOfCandidate(experiment, site)
        : draftsOf(experiment, site, point.compared, chosenBy !== undefined),
    // The selection that made it the winner is part of what it is.
    ...(chosenBy === undefined ? {} : { shared: new Map([["select", chosenBy]]) }),
    point: { ...point, experiment, file: one.file },
  });
  const first = loaded.flatMap((one) => one.points.map((point) => drafted(one, point, point.experiment)));
  let whole = buildPlan(first, kinds, digest);
  const candidates = whole.runs;
  const left = [...candidates];
  const selections = loaded.map((one): PlannedStep | undefined => {
    const runs = left.splice(0, one.points.length);
    const select = one.sweep?.select;
    if (select === undefined) return undefined;
    const stepOf = (run: number, step: string): string => ((runs[run] as PlannedRun).steps.get(step) as PlannedStep).id;
    const added = withStep(whole, draftSelect(one, select, stepOf, site), kinds, digest);
    whole = added.plan;
    return added.step;
  });

  const last = loaded.flatMap((one, index) =>
    one.points.flatMap((point) =>
      point.final === undefined || selections[index] === undefined
        ? []
        : [drafted(one, point, point.final, selections[index])],
    ),
  );
  whole = buildPlan(last, kinds, digest, whole);
  const all = [...first, ...last];
  const points = new Map(whole.runs.map((run, index) => [run, all[index]?.point as DraftedPoint]));
  const choices = loaded.flatMap(({ name }, index): readonly Choice[] => {
    const step = selections[index];
    if (step === undefined) return [];
    const finals = new Map<string, PlannedRun[]>();
    for (const run of whole.runs.filter(({ steps }) => steps.get("select") === step)) {
      const { setting } = points.get(run) as DraftedPoint;
      finals.set(setting, [...(finals.get(setting) ?? []), run]);
    }
    return [{ experiment: name, step, finals }];
  });
  const plan = partOf(
    whole,
    candidates,
    choices.map(({ step }) => step),
  );
  return { plan, whole, points, choices };
}

/** The runs that score the winners on test, as far as selections are made: `dirOf` gives the folder of what a step has written. */
export function planWinners(
  { whole, choices }: Pick<Planned, "whole" | "choices">,
  dirOf: (step: PlannedStep) => string | undefined,
): Plan {
  const runs = choices.flatMap(({ step, finals }) => {
    const dir = dirOf(step);
    return dir === undefined ? [] : (finals.get(readSelection(dir).winner) ?? []);
  });
  return partOf(whole, runs);
}

/** The run of a plan that a finished run was: of a winner's two, that on the same rows. */
export function runLike(
  { whole }: Pick<Planned, "whole">,
  manifest: { readonly coordinates: string; readonly steps: object },
): PlannedRun | undefined {
  return whole.runs.find(
    ({ coordinates, steps }) =>
      coordinates === manifest.coordinates && steps.has("select") === "select" in manifest.steps,
  );
}
