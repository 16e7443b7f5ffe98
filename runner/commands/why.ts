import { join } from "node:path";
import { assess } from "../execution/assess.ts";
import { storeReader } from "../execution/step-runner.ts";
import { forecast } from "../orchestration/forecast.ts";
import { upTo } from "../pipeline/plan/build.ts";
import { planAll, runLike } from "../pipeline/sweep/planned.ts";
import { loadAll } from "../project/load.ts";
import { openProject } from "../project/project.ts";
import { findRun } from "../runs/finished-runs.ts";
import { foreignOrigin, recordsOf } from "../runs/run-origin.ts";
import { exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, required } from "./command.ts";
import { json, trust } from "./common-options.ts";

export const command = defineCommand({
  arguments: { run: required("run", "A finished run."), step: required("step", "A step of the run, such as train.") },
  options: { trust, json },
  async run({ run: name, step: stepName, trust, json }, context) {
    const project = await openProject(context.cwd, context, "read");
    const finished = findRun(name, project.artifacts, context.cwd);
    const { manifest } = finished;
    const { set, sweep, smoke } = manifest;
    const loaded = loadAll(
      [join(project.root, manifest.file)],
      { set, sweep, smoke, trust, origin: foreignOrigin(finished, project.artifacts) },
      context,
    );
    const { store } = project;
    const { planned } = forecast(planAll(loaded, project), {
      assess: (plan) => assess(plan, storeReader(store), () => undefined),
      dirOf(key) {
        const record = store.record(key);
        return record && store.objectDir(record.object);
      },
    });
    const run = runLike(planned, manifest);
    if (run === undefined) {
      throw new UserError("run-not-found", `${manifest.file} no longer has the run ${manifest.coordinates}`, {
        help: "exp plan FILE shows the runs that it has",
        status: "invalid",
      });
    }
    const recordOf = recordsOf([finished], project.store);
    const steps = assess(
      upTo(planned.whole, (step) => [...run.steps.values()].includes(step)),
      storeReader(project.store),
      (step) => {
        const key = manifest.steps[step.draft.id]?.key;
        return key === undefined ? undefined : recordOf(key)?.ingredients;
      },
    );
    const step = run.steps.get(stepName);
    const found = step && steps.get(step);
    if (step === undefined || found === undefined) {
      throw new UserError("unknown-step", `${manifest.run} has no step "${stepName}"`, {
        help: `steps: ${[...run.steps.keys()].join(", ")}`,
        status: "invalid",
      });
    }
    const { status, key, reason } = found;
    // The cause of a step that depends on another one is the first miss upstream.
    const cause = [...steps].find(([, one]) => one.status === "run" && one.reason !== "")?.[0];
    const because = status === "depends" && cause ? { step: cause.id, reason: steps.get(cause)?.reason } : null;
    if (json) {
      context.out(`${JSON.stringify({ step: step.id, status, key, reason, because }, null, 1)}\n`);
    } else if (status === "cached") context.out(`${step.id}: cached: none of its inputs changed\n`);
    else {
      context.out(`${step.id}: ${status === "run" ? "will run" : "depends"}, ${reason}\n`);
      if (because !== null) context.out(`${because.step}: will run, ${because.reason}\n`);
    }
    return exit.done;
  },
});
