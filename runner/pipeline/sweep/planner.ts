import type { LoadedExperiment, Point } from "../../config/loaded.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft } from "../../plugins/step.ts";
import { buildPlan, type DraftedRun, withStep } from "../plan/build.ts";
import type { Plan, PlannedRun, PlannedStep } from "../plan/plan.ts";
import { draftsOf, draftsOfCandidate, kinds } from "../steps/index.ts";

/** A point of an experiment, and the file that declares it. */
export type DraftedPoint = Point & { readonly file: string };

/** A run to plan, and the point that it comes from. */
export type Drafted = DraftedRun & { readonly point: DraftedPoint };

/**
 * Adds runs and steps to plans. It reads the digest of each source once: runs that are planned later use the sources as
 * they were at first.
 */
export class Planner {
  readonly site: Site;
  /** The point of every run that was planned. */
  readonly points = new Map<PlannedRun, DraftedPoint>();
  readonly #digestOf: (path: string) => string;
  readonly #digests = new Map<string, string>();

  constructor(site: Site, digestOf: (path: string) => string) {
    this.site = site;
    this.#digestOf = digestOf;
  }

  /** A plan with more runs, and these runs in the given order. */
  add(plan: Plan, drafted: readonly Drafted[]): { readonly plan: Plan; readonly runs: readonly PlannedRun[] } {
    const next = buildPlan(drafted, kinds, this.#digest, plan);
    const runs = next.runs.slice(plan.runs.length);
    for (const [at, run] of runs.entries()) this.points.set(run, (drafted[at] as Drafted).point);
    return { plan: next, runs };
  }

  /** Gives runs of a part of a plan the points of the runs that they replace. */
  replaceRuns(runs: readonly PlannedRun[], parts: readonly PlannedRun[]): void {
    for (const [at, part] of parts.entries()) {
      const point = this.points.get(runs[at] as PlannedRun);
      if (point !== undefined) this.points.set(part, point);
    }
  }

  /** A plan with one more step, which belongs to no run yet. */
  addStep(plan: Plan, draft: Draft): { readonly plan: Plan; readonly step: PlannedStep } {
    return withStep(plan, draft, kinds, this.#digest);
  }

  /** The run of a point; `earlier` is its run on the previous rung. */
  draft({ name, file }: LoadedExperiment, point: Point, earlier?: PlannedRun): Drafted {
    return {
      experiment: name,
      role: point.isCandidate ? "candidate" : "final",
      coordinates: point.coordinates,
      drafts: point.isCandidate
        ? draftsOfCandidate(point.experiment, this.site, point.rung)
        : draftsOf(point.experiment, this.site, point.compared),
      earlier,
      point: { ...point, file },
    };
  }

  /** The run that scores a point on its final rows if it wins. Undefined if the point is final itself. */
  draftFinal({ name, file }: LoadedExperiment, point: Point): Drafted | undefined {
    const { final, coordinates, compared } = point;
    if (final === undefined) return undefined;
    const drafts = draftsOf(final, this.site, compared, true);
    return { experiment: name, role: "final", coordinates, drafts, point: { ...point, experiment: final, file } };
  }

  #digest = (path: string): string => {
    const sha256 = this.#digests.get(path) ?? this.#digestOf(path);
    this.#digests.set(path, sha256);
    return sha256;
  };
}
