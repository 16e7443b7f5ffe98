import { identify } from "../pipeline/plan/identity.ts";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import type { Ingredients, StoreRecord } from "../pipeline/plan/record.ts";
import { UserError } from "../util/user-error.ts";
import type { Event } from "./event.ts";
import { Interrupted } from "./interrupt.ts";
import { lastLines, logName } from "./log-tail.ts";
import { systemFailure } from "./system-errors.ts";
import { withoutTracebacks } from "./traceback.ts";

/** How a step of a plan ended. */
export type Outcome =
  | { readonly status: "built" | "reused"; readonly record: StoreRecord | undefined }
  | { readonly status: "failed"; readonly error: UserError }
  | { readonly status: "skipped"; readonly because: string };

/** What the scheduler needs to look up and build steps. */
export type StepRunner = {
  /** A verified record, or why there is a miss. */
  find(key: string): { readonly record: StoreRecord } | { readonly miss: string };
  /** A record whose files are not verified. For a guard that has nothing to guard. */
  peek(key: string): StoreRecord | undefined;
  /**
   * A stale result for a step that is a miss, or why there is none. Undefined if the user does not accept stale results
   * for the step.
   */
  stale?(step: PlannedStep, now: Ingredients): { readonly record: StoreRecord } | { readonly miss: string } | undefined;
  /** Whether a stored result of a step that is not cached still counts. */
  isCurrent(step: PlannedStep, record: StoreRecord): boolean;
  /** Whether the files outside the store that a record refers to exist. */
  holds(step: PlannedStep, record: StoreRecord): boolean;
  /**
   * Builds the step's output and commits it, under the key's lock and with resources of the machine. Calls
   * `options.begun` once it has both: the step starts then, and waiting is not counted as working.
   */
  build(
    step: PlannedStep,
    known: { readonly key: string; readonly ingredients: Ingredients },
    upstream: ReadonlyMap<PlannedStep, StoreRecord>,
    options: { readonly force: boolean; begun(): void },
  ): Promise<{ readonly record: StoreRecord; readonly reused: boolean }>;
};

export type ExecuteOptions = {
  readonly emit: (event: Event) => void;
  readonly stop: AbortSignal;
  readonly force: (step: PlannedStep) => boolean;
  /** After a failure, still start the steps that do not need the failed one. */
  readonly keepGoing: boolean;
  /** Steps that ended in an earlier part of the plan. They are not executed again and emit no events. */
  readonly ended?: ReadonlyMap<PlannedStep, Outcome>;
  /** Called for each step that ended. */
  readonly onEnd?: (step: PlannedStep, outcome: Outcome) => void;
};

/**
 * Builds the missing steps of a plan, each as soon as the steps that it needs have ended. A guard (a step that others
 * only run `after`) runs only if one of the steps that it guards is a miss. Does not throw if a step fails.
 */
export async function execute(
  plan: Plan,
  runner: StepRunner,
  options: ExecuteOptions,
): Promise<ReadonlyMap<PlannedStep, Outcome>> {
  const outcomes = new Map<PlannedStep, Outcome>();
  const records = new Map<PlannedStep, StoreRecord>();
  const visits = new Map<PlannedStep, Promise<Outcome>>();
  let failed: PlannedStep | undefined;
  for (const [step, outcome] of options.ended ?? []) {
    // A guard that had nothing to guard in the earlier part may have in this one.
    if (outcome.status === "reused" && !step.kind.cached) continue;
    visits.set(step, Promise.resolve(outcome));
    if ("record" in outcome && outcome.record !== undefined) records.set(step, outcome.record);
  }

  const isGuard = new Set(plan.steps.flatMap((step) => step.after.filter((other) => !other.kind.cached)));

  const end = (step: PlannedStep, outcome: Outcome, seconds: number): Outcome => {
    outcomes.set(step, outcome);
    if ("record" in outcome && outcome.record !== undefined) records.set(step, outcome.record);
    if (outcome.status === "failed") failed ??= step;
    options.onEnd?.(step, outcome);
    options.emit({
      type: "step-end",
      step: step.id,
      status: outcome.status,
      seconds: Math.round(seconds * 1000) / 1000,
      ...(outcome.status === "failed" ? { error: describe(outcome.error) } : {}),
      ...(outcome.status === "skipped" ? { because: outcome.because } : {}),
    });
    return outcome;
  };

  const visit = (step: PlannedStep, wanted: boolean): Promise<Outcome> => {
    const known = visits.get(step);
    if (known !== undefined) return known;
    const promise = settle(step, wanted);
    visits.set(step, promise);
    return promise;
  };

  const settle = async (step: PlannedStep, wanted: boolean): Promise<Outcome> => {
    const blocked = await firstBlocked(
      Object.values(step.upstream).map((from) => from.step),
      wanted,
    );
    if (blocked !== undefined) return end(step, { status: "skipped", because: blocked }, 0);
    const known = identify(step, (other) => records.get(other));
    if ("waitsFor" in known) throw new Error(`${step.id}: ${known.waitsFor.id} was not built`);

    const force = options.force(step);
    if (!wanted && !force) {
      return end(step, { status: "reused", record: runner.peek(known.key) }, 0);
    }
    if (step.kind.cached && !force) {
      const hit = runner.find(known.key);
      if ("record" in hit && runner.holds(step, hit.record)) {
        return end(step, { status: "reused", record: hit.record }, 0);
      }
      const stale = runner.stale?.(step, known.ingredients);
      if (stale !== undefined && "record" in stale && runner.holds(step, stale.record)) {
        return end(step, { status: "reused", record: stale.record }, 0);
      }
      if (stale !== undefined) return end(step, { status: "failed", error: nothingStale(step) }, 0);
    }

    if (step.kind.currentFor !== undefined && !force) {
      const hit = runner.find(known.key);
      if ("record" in hit && runner.isCurrent(step, hit.record))
        return end(step, { status: "reused", record: hit.record }, 0);
    }

    const unsafe = await firstBlocked(step.after, true);
    if (unsafe !== undefined) return end(step, { status: "skipped", because: unsafe }, 0);
    if (options.stop.aborted) return end(step, { status: "skipped", because: "interrupted" }, 0);
    if (failed !== undefined && !options.keepGoing) return end(step, { status: "skipped", because: failed.id }, 0);

    let started: number | undefined;
    const begun = (): void => {
      started = performance.now();
      options.emit({ type: "step-start", step: step.id, kind: step.kind.name, log: logName(step.id, known.key) });
    };
    const seconds = (): number => (started === undefined ? 0 : (performance.now() - started) / 1000);
    try {
      const { record, reused } = await runner.build(step, known, records, { force, begun });
      return end(step, { status: reused ? "reused" : "built", record }, seconds());
    } catch (error) {
      if (error instanceof Interrupted) return end(step, { status: "skipped", because: "interrupted" }, seconds());
      const failure = error instanceof UserError ? error : systemFailure(error);
      if (failure === undefined) throw error;
      return end(step, { status: "failed", error: failure }, seconds());
    }
  };

  /** The cause by which the first of some steps failed or was skipped, once all of them have ended. */
  const firstBlocked = async (steps: readonly PlannedStep[], wanted: boolean): Promise<string | undefined> => {
    const ends = await Promise.all(steps.map((step) => visit(step, wanted)));
    const at = ends.findIndex((outcome) => outcome.status === "failed" || outcome.status === "skipped");
    const outcome = ends[at];
    if (outcome === undefined) return undefined;
    return outcome.status === "skipped" ? outcome.because : (steps[at] as PlannedStep).id;
  };

  await Promise.all(plan.steps.filter((step) => !isGuard.has(step)).map((step) => visit(step, true)));
  for (const guard of isGuard) await visit(guard, false);
  return outcomes;
}

function nothingStale(step: PlannedStep): UserError {
  return new UserError("nothing-stale", `no stored result of ${step.id} differs from it in recipe code alone`, {
    help: "run without --accept-stale for this step",
  });
}

/** The number of log lines that are shown of a failed step, and of those that are read. */
const shownLines = 10;
const readLines = 200;

function describe(error: UserError): NonNullable<Extract<Event, { type: "step-end" }>["error"]> {
  return {
    code: error.code,
    message: error.message,
    ...(error.help === undefined ? {} : { help: error.help }),
    ...(error.log === undefined
      ? {}
      : { log: error.log, tail: withoutTracebacks(lastLines(error.log, readLines)).slice(-shownLines) }),
  };
}
