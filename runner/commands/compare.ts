import { views } from "../data/labels/views.ts";
import { metrics } from "../evaluation/metrics/metrics.ts";
import { placeOf } from "../project/place.ts";
import { type ComparingRuns, compareRuns, NotComparable } from "../runs/compare.ts";
import { type FinishedRun, findRun, RunNotFound } from "../runs/finished-runs.ts";
import { OutputGone } from "../runs/run-outputs.ts";
import { comparisonText } from "../terminal/comparison.ts";
import { type Act, exit } from "../util/context.ts";

type Options = { readonly json?: boolean; readonly view?: string; readonly metric?: string; readonly force?: boolean };

/** `exp compare RUN…`: the arms of one run, or several runs, side by side: intervals, paired tests, cost. */
export const command: Act = async ([names], given, context) => {
  const { json, view, metric, force } = given as Options;
  const refuse = (message: string): number => {
    context.err(`exp compare: ${message}\n`);
    return exit.invalid;
  };
  if (view !== undefined && !views.some((one) => one === view))
    return refuse(`--view takes ${views.join(", ")}, not "${view}"`);
  if (metric !== undefined && !(metric in metrics))
    return refuse(`--metric takes ${Object.keys(metrics).join(", ")}, not "${metric}"`);
  const { root, artifacts } = placeOf(context.cwd);
  try {
    const runs = (names as readonly string[]).map((name) => findRun(name, artifacts, context.cwd));
    const twice = runs.find(({ path }, index) => runs.findIndex((other) => other.path === path) !== index);
    if (twice !== undefined) return refuse(`${twice.manifest.experiment}/${twice.manifest.run} is named twice`);
    const compared = await compareRuns(runs as [FinishedRun, ...FinishedRun[]], {
      root,
      artifacts,
      view: view as ComparingRuns["view"],
      metric: metric as ComparingRuns["metric"],
      force: force === true,
    });
    context.out(json === true ? `${JSON.stringify(compared, null, 1)}\n` : comparisonText(compared, context, metrics));
    return exit.done;
  } catch (error) {
    if (error instanceof NotComparable) {
      if (json === true) {
        context.out(`${JSON.stringify({ comparable: false, reasons: error.reasons }, null, 1)}\n`);
        return exit.invalid;
      }
      const lines = error.reasons.map((reason) => `  ${reason}\n`).join("");
      return refuse(`the runs are not comparable:\n${lines}  --force compares the cases that they have in common`);
    }
    if (error instanceof RunNotFound || error instanceof OutputGone) return refuse(error.message);
    throw error;
  }
};
