import type { LoadedExperiment } from "../config/loaded.ts";
import { assess } from "../execution/assess.ts";
import type { Event } from "../execution/event.ts";
import { execute, type StepRunner } from "../execution/scheduler.ts";
import { upTo } from "../pipeline/plan/build.ts";
import type { Executor } from "../plugins/executors/executor.ts";
import { executors, inProcess } from "../plugins/executors/registry.ts";
import { type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import { runName } from "./jobs/submission.ts";
import { type SubmitReport, type SubmitRequest, submit } from "./jobs/submit.ts";
import type { RunOptions } from "./options.ts";
import { succeeded } from "./outcome.ts";

/**
 * The executor of a command: `--executor`, else the one that the experiments name. Throws UserError if they name
 * several, or if the executor does not support an option.
 */
export function executorOf(
  loaded: readonly LoadedExperiment[],
  { executor: given, force, mirror }: RunOptions,
): Executor {
  const named = loaded.flatMap(({ points }) => points.map(({ experiment }) => experiment.resources.executor));
  const names = given === undefined ? [...new Set(named)] : [given];
  if (names.length > 1) {
    throw new UserError("bad-option", `the experiments name several executors: ${names.join(", ")}`, {
      status: "invalid",
      help: "choose one for all: --executor NAME",
    });
  }
  const executor = names[0] === undefined ? inProcess() : executors.get(names[0]);
  if (executor.jobSystem === undefined) return executor;
  const help = `use an executor that runs steps in this process: --executor ${inProcess().name}`;
  if (force.length > 0) {
    const message = `--force does not work with executor ${executor.name}: every job of a sweep would run the step again`;
    throw new UserError("bad-option", message, { status: "invalid", help });
  }
  const proposing = loaded.find(({ sweep }) => sweep?.tpe !== undefined);
  if (proposing !== undefined) {
    const message = `${proposing.name} is a sweep with strategy: tpe, which does not work with executor ${executor.name}: later settings depend on earlier scores`;
    throw new UserError("bad-option", message, { status: "invalid", help: `${help}, inside one job` });
  }
  if (mirror !== undefined) {
    const message = `--mirror does not work with executor ${executor.name}: its jobs share one store`;
    throw new UserError("bad-option", message, { status: "invalid", help });
  }
  return executor;
}

/** Fetches weights and data sets on this machine, which has a network, and submits everything else. Resolves to the exit code. */
export async function submitRun(
  request: Omit<SubmitRequest, "options">,
  { parts, options, emit }: { readonly parts: StepRunner; readonly options: RunOptions; emit(event: Event): void },
  context: Context,
): Promise<number> {
  const { plan } = request.planned;
  const fetched = await execute(
    upTo(plan, ({ kind }) => kind.usesNetwork === true),
    parts,
    {
      emit: (event) => (event.type === "step-end" && event.status === "reused" ? undefined : emit(event)),
      stop: context.stop,
      force: () => false,
      keepGoing: false,
    },
  );
  const outcomes = [...fetched.values()];
  if (!outcomes.every(succeeded)) return exit.failed;
  const isChanged = outcomes.some(({ status }) => status === "built");
  const expected = isChanged ? assess(plan, parts, () => undefined) : request.expected;
  const { set, acceptStale, until, jobs, shareGpus, upload } = options;
  const jobOptions = {
    ...{ set, acceptStale, upload, keepGoing: options.keepGoing === true },
    ...(until === undefined ? {} : { until }),
    ...(jobs === undefined ? {} : { jobs }),
    ...(shareGpus === undefined ? {} : { shareGpus }),
  };
  const report = await submit({ ...request, expected, options: jobOptions }, context);
  if (options.json === true) context.out(`${JSON.stringify({ type: "submitted", ...report })}\n`);
  else if (options.quiet !== true) context.out(reportText(report, plan.runs));
  return exit.done;
}

function reportText(report: SubmitReport, runs: SubmitRequest["planned"]["plan"]["runs"]): string {
  const { missing, live, done, jobs, last, submission } = report;
  const counts = Object.entries({ done, "queued or running": live, submitted: missing });
  const shown = counts.filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`);
  const name = runName({ experiment: runs[0]?.experiment ?? "", coordinates: "" });
  const lines = [`${plural(runs.length, "run")}: ${shown.join(", ")}`];
  if (submission !== null) {
    if (jobs.length > 0) lines.push(`${plural(jobs.length, "job")}: ${jobs.join(", ")}`);
    if (last !== null) lines.push(`job ${last} compares and reports after them`);
    lines.push(`exp status ${name}, exp logs -f ${name}, exp cancel ${name}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}
