import { join } from "node:path";
import type { Event } from "../execute/event.ts";
import { machinery } from "../execute/machinery.ts";
import type { Machinery } from "../execute/scheduler.ts";
import { Slots } from "../execute/slots.ts";
import type { Plan } from "../plan/plan.ts";
import type { Project } from "../project.ts";
import { cacheRoot } from "../setup/cache.ts";
import { environmentPython } from "../setup/environments.ts";
import { tryAcquire } from "../store/lock.ts";
import type { Context } from "./context.ts";

type Working = {
  readonly emit: (event: Event) => void;
  /** Steps at once, at most. */
  readonly jobs?: number | undefined;
  readonly shareGpus?: boolean | undefined;
};

/** What makes the steps of a plan for real: in this project's store, on this machine, until the user's Ctrl-C. */
export function machineryFor(
  plan: Plan,
  { store, digests, machine }: Pick<Project, "store" | "digests" | "machine">,
  context: Context,
  { emit, jobs = Number.POSITIVE_INFINITY, shareGpus = false }: Working,
): Machinery {
  return machinery(plan, {
    store,
    digests,
    packageRoot: context.packageRoot,
    stop: context.stop,
    kill: context.kill,
    emit,
    python: (environment) => environmentPython(environment, context),
    slots: new Slots(machine, (gpu) => tryAcquire(join(cacheRoot(context.env), "locks", gpu.uuid)), { shareGpus }),
    jobs,
  });
}
