import { join } from "node:path";
import type { Event } from "../execution/event.ts";
import type { StepRunner } from "../execution/scheduler.ts";
import { Slots } from "../execution/slots.ts";
import { createStepRunner } from "../execution/step-runner.ts";
import type { Plan, PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import { keyFor } from "../project/key-origins.ts";
import type { Project } from "../project/project.ts";
import { recordTestEvaluation } from "../runs/ledger.ts";
import { cacheRoot } from "../setup/cache.ts";
import { environmentPython } from "../setup/environments.ts";
import { recordMeasurement } from "../setup/measurements.ts";
import { tryAcquire } from "../store/lock.ts";
import type { Context } from "../util/context.ts";

type Settings = {
  readonly emit: (event: Event) => void;
  /** Maximum number of steps at once. */
  readonly jobs?: number | undefined;
  readonly shareGpus?: boolean | undefined;
};

/** A step runner with a project's store, this machine's resources, and the user's signals. */
export function projectStepRunner(
  plan: Plan,
  { store, digests, machine }: Pick<Project, "store" | "digests" | "machine">,
  context: Context,
  { emit, jobs = Number.POSITIVE_INFINITY, shareGpus = false }: Settings,
): StepRunner {
  return createStepRunner(plan, {
    store,
    digests,
    packageRoot: context.packageRoot,
    stop: context.stop,
    kill: context.kill,
    emit,
    python: (environment) => environmentPython(environment, context),
    secret: (credential) => keyFor(credential, context.env),
    slots: new Slots(machine, (gpu) => tryAcquire(join(cacheRoot(context.env), "locks", gpu.uuid)), { shareGpus }),
    jobs,
    onMeasured: (measurement) => recordMeasurement(measurement, context.env),
  });
}

/**
 * Builds a forced step once in this process: a later round, which scores a winner, uses the result by which it was
 * selected.
 */
export function forcedOnce(runner: StepRunner): StepRunner {
  const done = new Set<string>();
  return {
    ...runner,
    async build(step, known, upstream, options) {
      const force = options.force && !done.has(known.key);
      const built = await runner.build(step, known, upstream, { ...options, force });
      done.add(known.key);
      return built;
    },
  };
}

/** Records each test evaluation that it builds in the ledger. */
export function withLedger(runner: StepRunner, { runs }: Plan, artifacts: string): StepRunner {
  const runsOf = new Map<PlannedStep, PlannedRun[]>();
  for (const run of runs) {
    for (const step of run.steps.values()) runsOf.set(step, [...(runsOf.get(step) ?? []), run]);
  }
  return {
    ...runner,
    async build(step, ...rest) {
      const built = await runner.build(step, ...rest);
      if (!built.reused) recordTestEvaluation(artifacts, step, built.record, runsOf.get(step) ?? []);
      return built;
    },
  };
}

/** Passes each key that it looks up or builds to `onKey`. */
export function withKeys(runner: StepRunner, onKey: (key: string) => void): StepRunner {
  return {
    ...runner,
    find(key) {
      onKey(key);
      return runner.find(key);
    },
    build(step, known, ...rest) {
      onKey(known.key);
      return runner.build(step, known, ...rest);
    },
  };
}
