import { join } from "node:path";
import type { Event } from "../execution/event.ts";
import { execute } from "../execution/scheduler.ts";
import { projectStepRunner } from "../orchestration/step-runner.ts";
import { buildPlan } from "../pipeline/plan/build.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { kinds } from "../pipeline/steps/index.ts";
import type { Draft } from "../plugins/step.ts";
import type { Project } from "../project/project.ts";
import { chooseReporter } from "../terminal/choose-reporter.ts";
import type { Context } from "../util/context.ts";

/** The drafts of one experiment, as plans name it. */
type Drafted = {
  readonly experiment: string;
  readonly role: "final";
  readonly coordinates: string;
  readonly drafts: readonly Draft[];
};

/**
 * Runs steps for a command that is no run: their outputs are stored, and nothing is sealed. Prints failures only.
 * Resolves to the path of a step's file, or to undefined if a step failed or the user interrupted. Closes the store.
 */
export async function runDrafts(
  drafted: Drafted,
  project: Project,
  context: Context,
): Promise<((step: string, name: string) => string) | undefined> {
  const { store } = project;
  const reporter = chooseReporter({ json: false, quiet: true }, context);
  const emit = (event: Event): void => reporter.event(event);
  const records = new Map<string, StoreRecord>();
  let steps: number;
  try {
    const plan = buildPlan([drafted], kinds, (file) => project.digests.of(file));
    steps = plan.steps.length;
    const parts = projectStepRunner(plan, project, context, { emit, jobs: 1 });
    const outcomes = await execute(plan, parts, { emit, stop: context.stop, force: () => false, keepGoing: false });
    for (const [step, outcome] of outcomes) {
      if ("record" in outcome && outcome.record !== undefined) records.set(step.draft.id, outcome.record);
    }
  } finally {
    await reporter.close();
    store.close();
  }
  if (records.size < steps) return undefined;
  return (step, name) => join(store.objectDir((records.get(step) as StoreRecord).object), name);
}
