import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import type { Event } from "../execution/event.ts";
import { execute } from "../execution/scheduler.ts";
import { upTo } from "../pipeline/plan/build.ts";
import { planAll } from "../pipeline/sweep/planned.ts";
import { openProject } from "../project/project.ts";
import { chooseReporter } from "../terminal/choose-reporter.ts";
import { type Context, exit } from "../util/context.ts";
import { gigabyteRange } from "../util/format.ts";
import { formatProblem, type Problem } from "./resource-problems.ts";
import { projectStepRunner } from "./step-runner.ts";

/**
 * Runs the token-level checks of preflight on experiments. Data and prompts are built in a temporary folder, which is
 * kept if a check fails. Downloads nothing: a missing model is an error. Resolves to the exit code.
 */
export async function checkTokens(
  loaded: readonly LoadedExperiment[],
  { json }: { readonly json: boolean },
  context: Context,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "exp-check-"));
  const project = await openProject(loaded[0]?.root ?? context.cwd, context, "write", folder);
  const { store } = project;
  const reporter = chooseReporter({ json, quiet: false }, context);
  let isDone = false;
  try {
    const { plan: whole } = planAll(loaded, project);
    const plan = upTo(whole, ({ kind }) => kind.name === "preflight");
    for (const { id, draft } of plan.steps) {
      const size = draft.expects?.download ?? 0;
      if (size === 0) continue;
      const base = String((draft.params as { readonly base?: string }).base);
      const problem: Problem = {
        file: loaded.map(({ name }) => name).join(", "),
        step: id,
        severity: "error",
        code: "model-not-here",
        message: `the tokenizer of ${base} is not on this machine`,
        help: `exp run FILE --until fetch downloads it (${gigabyteRange([size, size])})`,
        elsewhere: false,
      };
      if (json) context.out(`${JSON.stringify(problem)}\n`);
      else context.err(formatProblem(problem));
      isDone = true;
      return exit.invalid;
    }
    const emit = (event: Event): void => reporter.event(event);
    emit({
      type: "plan",
      runs: plan.runs.length,
      steps: plan.steps.map(({ id, kind }) => ({ id, kind: kind.name, status: "run", reason: "checked" })),
    });
    const parts = projectStepRunner(plan, project, context, { emit });
    const outcomes = await execute(
      plan,
      { ...parts, stale: () => undefined },
      { emit, stop: context.stop, force: () => false, keepGoing: true },
    );
    isDone = [...outcomes.values()].every(({ status }) => status === "built" || status === "reused");
    return isDone ? exit.done : exit.failed;
  } finally {
    await reporter.close();
    store.close();
    // The folder of a failed check has its log.
    if (isDone) rmSync(folder, { recursive: true, force: true });
  }
}
