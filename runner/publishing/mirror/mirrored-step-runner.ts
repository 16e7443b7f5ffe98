import type { StepRunner } from "../../execution/scheduler.ts";
import { identify } from "../../pipeline/plan/identity.ts";
import type { Plan, PlannedStep } from "../../pipeline/plan/plan.ts";
import type { StoreRecord } from "../../pipeline/plan/record.ts";
import type { Store } from "../../store/store.ts";
import type { Mirror } from "./mirror.ts";

/**
 * Copies the finished steps of a plan that this machine lacks from the mirror into the store, and those that the mirror lacks to
 * the mirror. Call it before the plan is assessed. Returns the number of steps copied from the mirror.
 */
export async function restoreSteps(
  plan: Plan,
  store: Pick<Store, "find">,
  mirror: Mirror,
  stop: AbortSignal,
): Promise<number> {
  const records = new Map<PlannedStep, StoreRecord>();
  let taken = 0;
  for (const step of plan.steps) {
    const known = identify(step, (other) => records.get(other));
    if ("waitsFor" in known || stop.aborted) continue;
    let hit = store.find(known.key);
    if ("record" in hit) mirror.stepFinished(hit.record, pauses(step) ? [] : [known.key]);
    else if (await mirror.takeStep(known.key)) {
      hit = store.find(known.key);
      taken++;
    }
    if ("record" in hit) records.set(step, hit.record);
  }
  return taken;
}

/** Whether a step keeps its work folder for a step that resumes from it. */
function pauses({ kind, draft }: PlannedStep): boolean {
  return kind.pauses?.(draft.params) === true;
}

/**
 * A step runner that resumes steps from the mirror and copies their work folders and results to it. `onResume` is called for a
 * step that resumes from a checkpoint of another machine.
 */
export function mirroredStepRunner(
  runner: StepRunner,
  mirror: Mirror,
  onResume: (step: PlannedStep) => void,
): StepRunner {
  return {
    ...runner,
    async build(step, known, upstream, options) {
      // The key is known only now: an upstream step may have been built again, with the same bytes.
      const isRestored = !options.force && step.kind.cached && (await mirror.takeStep(known.key));
      const earlier = step.resumesFrom && upstream.get(step.resumesFrom)?.key;
      if (!isRestored && (await mirror.takeWork(known.key))) onResume(step);
      else if (!isRestored && earlier !== undefined && (await mirror.takeWork(earlier))) onResume(step);
      mirror.stepStarted(known.key);
      try {
        const built = await runner.build(step, known, upstream, options);
        mirror.stepFinished(built.record, [
          ...(pauses(step) ? [] : [known.key]),
          ...(earlier === undefined ? [] : [earlier]),
        ]);
        return built;
      } catch (error) {
        mirror.stepStopped(known.key);
        throw error;
      }
    },
  };
}
