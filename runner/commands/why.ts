import { join } from "node:path";
import { assess } from "../execution/assess.ts";
import { reader } from "../execution/step-runner.ts";
import { forecast } from "../orchestration/forecast.ts";
import { upTo } from "../pipeline/plan/build.ts";
import { planAll, runLike } from "../pipeline/sweep/planned.ts";
import { loadAll } from "../project/load.ts";
import { openProject } from "../project/project.ts";
import { findRun, RunNotFound } from "../runs/finished-runs.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp why RUN STEP`: what a finished run's step would do if its experiment were run now, and the first input that changed. */
export const command: Act = async ([name, stepName], options, context) => {
  const project = await openProject(context.cwd, context, "read");
  const refuse = (message: string): number => {
    context.err(`exp why: ${message}\n`);
    return exit.invalid;
  };
  try {
    const { manifest } = findRun(name as string, project.artifacts, context.cwd);
    const loaded = loadAll(
      [join(project.root, manifest.file)],
      { ...options, set: manifest.set, sweep: manifest.sweep, smoke: manifest.smoke },
      context,
    );
    if (loaded === undefined) return exit.invalid;
    const { store } = project;
    const { planned } = forecast(planAll(loaded, project), {
      judge: (plan) => assess(plan, reader(store), () => undefined),
      dirOf(key) {
        const record = store.peek(key);
        return record && store.objectDir(record.object);
      },
    });
    const run = runLike(planned, manifest);
    if (run === undefined) return refuse(`${manifest.file} no longer has the run ${manifest.coordinates}`);
    const steps = assess(
      upTo(planned.whole, (step) => [...run.steps.values()].includes(step)),
      reader(project.store),
      (step) => {
        const key = manifest.steps[step.draft.id]?.key;
        return key === undefined ? undefined : project.store.peek(key)?.ingredients;
      },
    );
    const step = run.steps.get(stepName as string);
    const found = step && steps.get(step);
    if (step === undefined || found === undefined) {
      return refuse(`${manifest.run} has no step "${stepName}"; steps: ${[...run.steps.keys()].join(", ")}`);
    }
    const { status, key, reason } = found;
    // A step that depends on another changes because that one does: the first miss upstream is the cause.
    const cause = [...steps].find(([, one]) => one.status === "run" && one.reason !== "")?.[0];
    const because = status === "depends" && cause ? { step: cause.id, reason: steps.get(cause)?.reason } : null;
    if (options.json === true) {
      context.out(`${JSON.stringify({ step: step.id, status, key, reason, because }, null, 1)}\n`);
    } else if (status === "cached") context.out(`${step.id}: cached, nothing that it reads has changed\n`);
    else {
      context.out(`${step.id}: ${status === "run" ? "will run" : "depends"}, ${reason}\n`);
      if (because !== null) context.out(`${because.step}: will run, ${because.reason}\n`);
    }
    return exit.done;
  } catch (error) {
    if (!(error instanceof RunNotFound)) throw error;
    return refuse(error.message);
  }
};
