import type { RunRole } from "../../config/loaded.ts";
import type { Draft, FileOf, StepKind } from "../../plugins/step.ts";
import { rememberedWeakly } from "../../util/remember.ts";
import { stepIdOf } from "./identity.ts";
import type { Plan, PlannedRun, PlannedStep } from "./plan.ts";

/** A run to plan: an experiment, or a point of a sweep. */
export type DraftedRun = {
  readonly experiment: string;
  readonly role: RunRole;
  readonly coordinates: string;
  readonly drafts: readonly Draft[];
  /** Steps over several runs that belong to this run too, by their id in it. Its drafts may read them. */
  readonly shared?: ReadonlyMap<string, PlannedStep>;
  /** The same run on the previous rung. Steps that paused there are resumed here. */
  readonly earlier?: PlannedRun | undefined;
};

/**
 * Joins the drafts of all runs into one plan. A step that several runs share occurs once. `digest` gives the sha256 of
 * a source by path; `before` is a plan that the new one extends. Throws if drafts contradict each other, which is a bug
 * in a step kind.
 */
export function buildPlan(
  drafted: readonly DraftedRun[],
  kinds: ReadonlyMap<string, StepKind>,
  digest: (path: string) => string,
  before: Plan = { runs: [], steps: [] },
): Plan {
  const shared = new Map<string, PlannedStep>();
  const stepIdsOfName = new Map<string, Set<string>>();
  for (const step of before.steps) {
    shared.set(step.stepId, step);
    stepIdsOfName.set(step.draft.id, (stepIdsOfName.get(step.draft.id) ?? new Set()).add(step.stepId));
  }
  // Steps with the same sources share one object, so that its text is built once for all their keys.
  const sources = new Map<string, Readonly<Record<string, string>>>();
  const digestsOf = rememberedWeakly((paths: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
    const entries = Object.entries(paths);
    const name = entries.flat().join("\n");
    const known = sources.get(name);
    if (known !== undefined) return known;
    const fresh = Object.fromEntries(entries.map(([logical, path]) => [logical, digest(path)]));
    sources.set(name, fresh);
    return fresh;
  });
  /** The last step of a draft: runs may share drafts, and mostly the steps before them too. */
  const last = new Map<Draft, PlannedStep>();

  const runs = drafted.map((run): PlannedRun => {
    const drafts = new Map(run.drafts.map((draft) => [draft.id, draft]));
    if (drafts.size !== run.drafts.length) throw new Error(`${run.experiment}: two steps have the same name`);
    const steps = new Map<string, PlannedStep>(run.shared);
    const open = new Set<string>();

    const place = (id: string): PlannedStep => {
      const done = steps.get(id);
      if (done !== undefined) return done;
      const draft = drafts.get(id);
      if (draft === undefined) throw new Error(`${run.experiment}: no step "${id}"`);
      const kind = kinds.get(draft.kind);
      if (kind === undefined) throw new Error(`${run.experiment}: no step kind "${draft.kind}"`);
      if (open.has(id)) throw new Error(`${run.experiment}: step "${id}" needs itself`);
      open.add(id);
      const upstream: Record<string, { step: PlannedStep; file: string }> = {};
      const upstreamIds: Record<string, string> = {};
      for (const name in draft.inputs) {
        const from = draft.inputs[name] as FileOf;
        const step = place(from.step);
        upstream[name] = { step, file: from.file };
        upstreamIds[name] = step.stepId;
      }
      const after = draft.after.map(place);
      open.delete(id);

      const same = last.get(draft);
      let isSame = same !== undefined;
      for (const name in upstream) isSame &&= same?.upstream[name]?.step === upstream[name]?.step;
      const sourceDigests = isSame && same ? same.sourceDigests : digestsOf(draft.sources);
      const stepId = isSame && same ? same.stepId : stepIdOf(kind, draft, sourceDigests, upstreamIds);
      let step = shared.get(stepId);
      if (step === undefined) {
        step = { id, stepId, kind, draft, upstream, after, sourceDigests };
        shared.set(stepId, step);
        const ids = stepIdsOfName.get(id) ?? new Set();
        stepIdsOfName.set(id, ids.add(stepId));
      } else if (kind.joinHints !== undefined && step !== same) {
        const hints = kind.joinHints(step.draft.hints, draft.hints);
        (step as { draft: Draft }).draft = { ...step.draft, hints };
      }
      const paused = run.earlier?.steps.get(id);
      if (paused !== undefined && paused !== step && paused.kind.pauses?.(paused.draft.params) === true) {
        (step as { resumesFrom?: PlannedStep }).resumesFrom ??= paused;
      }
      last.set(draft, step);
      steps.set(id, step);
      return step;
    };

    for (const draft of run.drafts) place(draft.id);
    return { experiment: run.experiment, role: run.role, coordinates: run.coordinates, steps };
  });

  for (const step of shared.values()) {
    if ((stepIdsOfName.get(step.draft.id)?.size ?? 0) > 1) {
      (step as { id: string }).id = `${step.draft.id}@${step.stepId.slice(0, 8)}`;
    }
  }
  return { runs: [...before.runs, ...runs], steps: [...shared.values()] };
}

/**
 * Adds a step over several runs to a plan. Its inputs name steps by their ids in the plan. It belongs to no run yet.
 */
export function withStep(
  plan: Plan,
  draft: Draft,
  kinds: ReadonlyMap<string, StepKind>,
  digest: (path: string) => string,
): { readonly plan: Plan; readonly step: PlannedStep } {
  const kind = kinds.get(draft.kind);
  if (kind === undefined) throw new Error(`no step kind "${draft.kind}"`);
  const byId = new Map(plan.steps.map((step) => [step.id, step]));
  const upstream: Record<string, { step: PlannedStep; file: string }> = {};
  const upstreamIds: Record<string, string> = {};
  for (const [name, from] of Object.entries(draft.inputs)) {
    const step = byId.get(from.step);
    if (step === undefined) throw new Error(`no step "${from.step}"`);
    upstream[name] = { step, file: from.file };
    upstreamIds[name] = step.stepId;
  }
  const sourceDigests = Object.fromEntries(Object.entries(draft.sources).map(([name, path]) => [name, digest(path)]));
  const stepId = stepIdOf(kind, draft, sourceDigests, upstreamIds);
  const step: PlannedStep = { id: draft.id, stepId, kind, draft, upstream, after: [], sourceDigests };
  return { plan: { runs: plan.runs, steps: [...plan.steps, step] }, step };
}

/** The part of a plan with some of its runs, and some more steps. */
export function partOf(plan: Plan, runs: readonly PlannedRun[], more: readonly PlannedStep[] = []): Plan {
  const keep = new Set([...runs.flatMap((run) => [...run.steps.values()]), ...more]);
  return { runs, steps: plan.steps.filter((step) => keep.has(step)) };
}

/** The part of a plan with the steps that `isSelected` selects, and all steps that they need. */
export function upTo(plan: Plan, isSelected: (step: PlannedStep) => boolean): Plan {
  const keep = new Set<PlannedStep>();
  const visit = (step: PlannedStep): void => {
    if (keep.has(step)) return;
    keep.add(step);
    for (const from of Object.values(step.upstream)) visit(from.step);
    step.after.forEach(visit);
  };
  plan.steps.filter(isSelected).forEach(visit);
  return {
    steps: plan.steps.filter((step) => keep.has(step)),
    runs: plan.runs.map((run) => ({ ...run, steps: new Map([...run.steps].filter(([, step]) => keep.has(step))) })),
  };
}
