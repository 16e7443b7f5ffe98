import { type Assessed, assess } from "../execute/assess.ts";
import { reader } from "../execute/machinery.ts";
import { staleResults } from "../execute/stale.ts";
import type { PlannedStep } from "../plan/plan.ts";
import { loadAll, openProject, planAll } from "../project.ts";
import { table } from "../show/table.ts";
import { formerIngredients } from "../study/former.ts";
import { type Act, exit } from "./context.ts";
import { isCalled, nothingStale, unknownStep } from "./named.ts";

/** `exp plan`: each step, whether it is cached, will run or depends, and why. Writes nothing. */
export const command: Act = async ([paths], options, context) => {
  const loaded = loadAll(paths as string[], options, context);
  if (loaded === undefined) return exit.invalid;
  const project = await openProject(loaded[0]?.root ?? context.cwd, context, "read");
  const { plan, points } = planAll(loaded, project);
  const { store } = project;
  const accepted = options.acceptStale as readonly string[];
  const accepts = (step: PlannedStep): boolean => accepted.some((name) => isCalled(step, name));
  const machinery = { ...reader(store), stale: staleResults(store, accepts) };
  const steps = assess(plan, machinery, formerIngredients(plan, project.artifacts, store));
  store.close();
  const wrong = unknownStep(plan, accepted) ?? nothingStale(steps, accepts);
  if (wrong !== undefined) {
    context.err(`exp plan: ${wrong}\n`);
    return exit.invalid;
  }

  const rows = [...steps].map(([step, { status, key, reason }]) => ({
    id: step.id,
    kind: step.kind.name,
    key,
    status,
    reason,
  }));
  if (options.json === true) {
    context.out(`${JSON.stringify({ runs: points.size, steps: rows }, null, 1)}\n`);
    return exit.done;
  }
  context.out(table([["step", "status", "why"], ...rows.map(({ id, status, reason }) => [id, words[status], reason])]));
  context.out(`\n${summary(steps, points.size)}\n`);
  for (const { points: of } of loaded) {
    // A smoke run's values are neither what was written nor defaults.
    const defaulted = options.smoke === true ? [] : (of[0]?.defaulted ?? []);
    if (defaulted.length > 0) context.out(`Defaults: ${defaulted.join(", ")}\n`);
  }
  return exit.done;
};

const words: Readonly<Record<Assessed["status"], string>> = { cached: "cached", run: "will run", depends: "depends" };

function summary(steps: ReadonlyMap<PlannedStep, Assessed>, runs: number): string {
  const counts = { cached: 0, run: 0, depends: 0 };
  for (const { status } of steps.values()) counts[status]++;
  const { cached, run, depends } = counts;
  return `${runs} run${runs === 1 ? "" : "s"}, ${steps.size} steps: ${cached} cached, ${run} to run, ${depends} that depend on those`;
}
