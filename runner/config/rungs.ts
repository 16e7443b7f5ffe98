import { backends } from "../plugins/backends/registry.ts";
import { executors, inProcess } from "../plugins/executors/registry.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Diagnostic } from "../util/diagnostic.ts";
import { type Halving, rungsOf } from "./halving.ts";
import type { LoadedExperiment, Point, RunRole } from "./loaded.ts";
import type { Sweep } from "./sweep.ts";

/** Why a sweep cannot use successive halving. Undefined if it can. */
export function halvingProblem(
  [first]: readonly Experiment[],
  { key, ...halving }: NonNullable<Sweep["halving"]>,
): Diagnostic | undefined {
  const problem = (message: string, help: string): Diagnostic => {
    return { severity: "error", code: "sweep-strategy", message, span: key, help };
  };
  if (first === undefined) return undefined;
  if (first.train === undefined) {
    return problem("strategy: halving needs a training, and there is no train:", "add train:, or remove strategy");
  }
  const { epochs, backend } = first.train;
  if (backends.find(backend)?.capabilities.pauses === false) {
    const message = `strategy: halving needs a backend that can pause a training, and ${backend} cannot`;
    const others = [...backends].filter(({ capabilities }) => capabilities.pauses).map(({ name }) => name);
    return problem(message, `use strategy: random, or train.backend: ${others.join(" or ")}`);
  }
  if (rungsOf(2, epochs, halving).length > 1) return undefined;
  const { eta, min_epochs } = halving;
  const message = `train.epochs: ${epochs} divided by eta: ${eta} is less than min_epochs: ${min_epochs}`;
  return problem(message, "increase train.epochs, or remove strategy");
}

/** Why a sweep cannot use TPE: jobs of a job system are submitted at once. Undefined if it can. */
export function tpeProblem(
  experiments: readonly Experiment[],
  { key }: NonNullable<Sweep["tpe"]>,
): Diagnostic | undefined {
  const names = experiments.map(({ resources }) => resources.executor);
  const submits = names.find((name) => executors.find(name)?.jobSystem !== undefined);
  if (submits === undefined) return undefined;
  const message = `strategy: tpe does not work with resources.executor: ${submits}: later settings depend on earlier scores`;
  const help = `use strategy: random or halving, or executor: ${inProcess().name} inside one job`;
  return { severity: "error", code: "sweep-strategy", message, span: key, help };
}

/** The point of a file, on any rung, that a run with these coordinates and this role comes from. */
export function pointOf(
  { points, rungs = [] }: LoadedExperiment,
  { coordinates, role }: { readonly coordinates: string; readonly role: RunRole },
): Point | undefined {
  return [...points, ...rungs.flat()].find(
    (one) => one.coordinates === coordinates && (role === "candidate" || !one.isCandidate || one.final !== undefined),
  );
}

/** The points of a sweep on each of its rungs. Only those of the last rung can win and be evaluated on test rows. */
export function onRungs(points: readonly Point[], halving: Halving): readonly (readonly Point[])[] {
  const settings = new Set(points.map(({ setting }) => setting)).size;
  const rungs = rungsOf(settings, points[0]?.experiment.train?.epochs ?? 1, halving);
  return rungs.map((rung) =>
    Object.freeze(
      points.map(({ final, ...point }) => {
        if (rung.number === rung.of) return Object.freeze({ ...point, ...(final && { final }), rung });
        const coordinates = [point.coordinates, `epoch=${rung.epochs}`].filter((part) => part !== "").join(",");
        return Object.freeze({ ...point, coordinates, rung });
      }),
    ),
  );
}
