import { join } from "node:path";
import type { Event } from "../execution/event.ts";
import type { StepRunner } from "../execution/scheduler.ts";
import { Slots } from "../execution/slots.ts";
import { machinery } from "../execution/step-runner.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import type { Project } from "../project/project.ts";
import { recordTestEvaluation } from "../runs/ledger.ts";
import { cacheRoot } from "../setup/cache.ts";
import { environmentPython } from "../setup/environments.ts";
import { tryAcquire } from "../store/lock.ts";
import type { Context } from "../util/context.ts";

type Working = {
  readonly emit: (event: Event) => void;
  /** Steps at once, at most. */
  readonly jobs?: number | undefined;
  readonly shareGpus?: boolean | undefined;
};

/** What makes the steps of a plan for real: in this project's store, on this machine, until the user's Ctrl-C. */
export function createStepRunner(
  plan: Plan,
  { store, digests, machine }: Pick<Project, "store" | "digests" | "machine">,
  context: Context,
  { emit, jobs = Number.POSITIVE_INFINITY, shareGpus = false }: Working,
): StepRunner {
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

/** The same machinery, and what has been made in this run is not made again by force: a winner is what it was chosen as. */
export function forcedOnce(parts: StepRunner): StepRunner {
  const made = new Set<string>();
  return {
    ...parts,
    async build(step, known, upstream, options) {
      const built = await parts.build(step, known, upstream, {
        ...options,
        force: options.force && !made.has(known.key),
      });
      made.add(known.key);
      return built;
    },
  };
}

/** The same machinery, and each scoring of a test file that it carries out is written down. */
export function withLedger(parts: StepRunner, { runs }: Plan, artifacts: string): StepRunner {
  const experiments = new Map<PlannedStep, Set<string>>();
  for (const { experiment, steps } of runs) {
    for (const step of steps.values()) experiments.set(step, (experiments.get(step) ?? new Set()).add(experiment));
  }
  return {
    ...parts,
    async build(step, ...rest) {
      const built = await parts.build(step, ...rest);
      if (!built.reused) recordTestEvaluation(artifacts, step, built.record, [...(experiments.get(step) ?? [])]);
      return built;
    },
  };
}

/** The same machinery, and each key that it looks for or makes is told. */
export function withKeys(parts: StepRunner, tell: (key: string) => void): StepRunner {
  return {
    ...parts,
    find(key) {
      tell(key);
      return parts.find(key);
    },
    build(step, known, ...rest) {
      tell(known.key);
      return parts.build(step, known, ...rest);
    },
  };
}
