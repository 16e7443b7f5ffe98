import type { LoadedExperiment } from "../config/loaded.ts";
import { assess } from "../execution/assess.ts";
import type { Event } from "../execution/event.ts";
import { execute, type StepRunner } from "../execution/scheduler.ts";
import { upTo } from "../pipeline/plan/build.ts";
import type { Planned } from "../pipeline/sweep/planned.ts";
import { submit, type Work } from "../plugins/executors/slurm/submit.ts";
import { type Context, exit } from "../util/context.ts";
import type { RunOptions } from "./options.ts";
import { succeeded } from "./outcome.ts";

/** Where steps may run. */
export type Executor = "local" | "slurm";

/** Where all of these files' steps run, or why that cannot be. */
export function executorOf(
  loaded: readonly LoadedExperiment[],
  { executor, force, mirror }: RunOptions,
): Executor | { readonly wrong: string } {
  if (executor !== undefined && executor !== "local" && executor !== "slurm") {
    return { wrong: `--executor takes local or slurm, not "${executor}"` };
  }
  const written = loaded.flatMap(({ points }) => points.map(({ experiment }) => experiment.resources.executor));
  const wanted = executor === undefined ? [...new Set(written)] : [executor];
  if (wanted.length > 1)
    return { wrong: "some of these say executor: local and some slurm; --executor decides for all" };
  if (wanted[0] !== "slurm") return "local";
  if (force.length > 0)
    return { wrong: "--force goes with --executor local: every job of a sweep would force the step anew" };
  if (mirror !== undefined) return { wrong: "--mirror goes with --executor local: a cluster's jobs share one store" };
  return "slurm";
}

/** Fetches the weights here, where there is a network, and gives everything else to Slurm. */
export async function submitJobs(
  planned: Planned,
  {
    loaded,
    expected,
    parts,
    options,
    project,
    emit,
  }: Pick<Work, "loaded" | "expected" | "project"> & {
    readonly parts: StepRunner;
    readonly options: RunOptions;
    readonly emit: (event: Event) => void;
  },
  context: Context,
): Promise<number> {
  const needed = upTo(planned.plan, ({ kind }) => kind.name === "fetch");
  const fetched = await execute(needed, parts, {
    emit: (event) => (event.type === "step-end" && event.status === "reused" ? undefined : emit(event)),
    stop: context.stop,
    force: () => false,
    keepGoing: false,
  });
  if (![...fetched.values()].every(succeeded)) return exit.failed;
  const isNews = [...fetched.values()].some(({ status }) => status === "built");
  const known = isNews ? assess(planned.plan, parts, () => undefined) : expected;
  const { set, acceptStale, until, jobs, shareGpus, upload } = options;
  const frozen = {
    ...{ set, acceptStale, upload, keepGoing: options.keepGoing === true },
    ...(until === undefined ? {} : { until }),
    ...(jobs === undefined ? {} : { jobs }),
    ...(shareGpus === undefined ? {} : { shareGpus }),
  };
  const shown = { json: options.json === true, quiet: options.quiet === true };
  await submit({ ...planned, loaded, expected: known, options: frozen, project, ...shown }, context);
  return exit.done;
}
