import type { StepRunner } from "../../execution/scheduler.ts";
import { identify } from "../../pipeline/plan/identity.ts";
import type { Plan, PlannedStep } from "../../pipeline/plan/plan.ts";
import type { StoreRecord } from "../../pipeline/plan/record.ts";
import type { Store } from "../../store/store.ts";
import type { Mirror } from "./mirror.ts";

/**
 * Before a plan is judged: takes every finished step of it that the mirror has and this machine lacks into the store, and
 * has the mirror copy those that it lacks itself. Gives how many were taken.
 */
export async function takeBack(
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
    if ("record" in hit) mirror.keep(hit.record, pauses(step) ? [] : [known.key]);
    else if (await mirror.takeFinished(known.key)) {
      hit = store.find(known.key);
      taken++;
    }
    if ("record" in hit) records.set(step, hit.record);
  }
  return taken;
}

/** Whether a step leaves its work folder for one that goes on from there. */
function pauses({ kind, draft }: PlannedStep): boolean {
  return kind.pauses?.(draft.params) === true;
}

/**
 * StepRunner whose steps go on from what the mirror kept of them, and whose work folders and results it copies. `resumed` is
 * told of a step that goes on from a checkpoint of another machine.
 */
export function mirrored(machinery: StepRunner, mirror: Mirror, resumed: (step: PlannedStep) => void): StepRunner {
  return {
    ...machinery,
    async build(step, known, upstream, options) {
      // A step above may have been made again, to the same bytes: only now is it known what this one's key is.
      const isBack = !options.force && step.kind.cached && (await mirror.takeFinished(known.key));
      const earlier = step.resumesFrom && upstream.get(step.resumesFrom)?.key;
      if (!isBack && (await mirror.takeWork(known.key))) resumed(step);
      else if (!isBack && earlier !== undefined && (await mirror.takeWork(earlier))) resumed(step);
      mirror.begun(known.key);
      try {
        const built = await machinery.build(step, known, upstream, options);
        mirror.keep(built.record, [...(pauses(step) ? [] : [known.key]), ...(earlier === undefined ? [] : [earlier])]);
        return built;
      } catch (error) {
        mirror.ended(known.key);
        throw error;
      }
    },
  };
}
