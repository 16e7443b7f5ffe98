import { openProject } from "../project.ts";
import { table } from "../show/table.ts";
import { listRuns } from "../study/runs.ts";
import { type Act, exit } from "./context.ts";

/** `exp ls`: the finished runs of this project, oldest first, each with its primary metric. */
export const command: Act = async (_args, options, context) => {
  const { artifacts } = await openProject(context.cwd, context, "read");
  const runs = listRuns(artifacts);
  if (options.json === true) {
    const rows = runs.map(({ manifest: { experiment, run, created, smoke, arms }, path }) => ({
      experiment,
      run,
      created,
      smoke,
      arms,
      manifest: path,
    }));
    context.out(`${JSON.stringify(rows, null, 1)}\n`);
    return exit.done;
  }
  if (runs.length === 0) {
    context.out("No finished runs yet. Start one: npx exp run experiments/quickstart.yaml\n");
    return exit.done;
  }
  const rows = runs.map(({ manifest: { experiment, run, created, arms, config } }) => {
    const { metric, view } = (
      config as { evaluate: { primary: { metric: string; view: "raw" | "basic" | "canonical" } } }
    ).evaluate.primary;
    const scores = Object.entries(arms).map(([arm, views]) => `${arm} ${views[view][metric]?.toFixed(3) ?? "-"}`);
    return [experiment, run, created.slice(0, 16).replace("T", " "), `${metric} (${view})`, scores.join("  ")];
  });
  context.out(table([["experiment", "run", "finished (UTC)", "primary metric", "arms"], ...rows]));
  return exit.done;
};
