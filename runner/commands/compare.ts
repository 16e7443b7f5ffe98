import { views } from "../data/labels/views.ts";
import { metricsOf, scoringOf } from "../pipeline/steps/task.ts";
import { definitionOf } from "../plugins/metrics/metric.ts";
import { metricOpener } from "../project/own-metrics.ts";
import { placeOf } from "../project/place.ts";
import { compareRuns } from "../runs/compare.ts";
import type { FinishedRun } from "../runs/finished-runs.ts";
import { findIntactRun } from "../runs/intact-run.ts";
import { Ablations } from "../runs/run-ablations.ts";
import { ablationText } from "../terminal/ablation.ts";
import { comparisonText } from "../terminal/comparison.ts";
import { type Context, exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { choice, decimal, defineCommand, flag, oneOrMore, value } from "./command.ts";
import { json, trust } from "./common-options.ts";

export const command = defineCommand({
  arguments: {
    runs: oneOrMore(
      "run",
      "A finished run. Of one run, all arms are compared; of several, the primary arm of each and shared baselines. Of a sweep, its settings are shown too.",
    ),
  },
  options: {
    view: choice("view", "Compare labels in this view.", () => views, { default: "the first run's primary view" }),
    metric: value("name", "Test this metric.", { default: "the first run's primary metric" }),
    trust,
    reference: value(
      "run|arm",
      "Test whether the others are worse than this run, or arm of one run, by less than --margin.",
    ),
    margin: decimal("number", "The largest accepted loss in the metric, set before the results are known.", {
      min: 0,
      max: 1,
    }),
    force: flag("Compare runs that are not comparable, on the cases that they have in common."),
    json,
  },
  async run({ runs: names, view, metric: metricName, reference, margin, force, trust, json }, context) {
    const { root, artifacts } = placeOf(context.cwd);
    const runs = names.map((name) => findIntactRun(name, artifacts, context)) as [FinishedRun, ...FinishedRun[]];
    const twice = runs.find(({ path }, index) => runs.findIndex((other) => other.path === path) !== index);
    if (twice !== undefined) {
      const { experiment, run } = twice.manifest;
      throw new UserError("bad-argument", `${experiment}/${run} is named twice`, { status: "invalid" });
    }
    const { config } = runs[0].manifest;
    const definitions = Object.fromEntries(
      [...metricsOf(config)].map((one) => [one.name, definitionOf(one, scoringOf(config))]),
    );
    if ((reference === undefined) !== (margin === undefined)) {
      throw new UserError("bad-option", "--reference and --margin are used together", {
        help: "write both, as in --reference NAME --margin 0.02",
        status: "invalid",
      });
    }
    const nonInferiority =
      reference === undefined || margin === undefined
        ? undefined
        : { reference: referenceOf(reference, runs, context, artifacts), margin };
    const metric = metricOpener(root, context, { trust });
    const compared = await compareRuns(runs, { root, artifacts, view, metricName, metric, force, nonInferiority });
    // Of one run, the settings of its sweep are part of the comparison.
    const ablation = runs.length === 1 ? new Ablations().of(runs[0]) : undefined;
    if (json) {
      const sweep = ablation === undefined ? {} : { sweep: ablation };
      context.out(`${JSON.stringify({ ...compared, ...sweep }, null, 1)}\n`);
      return exit.done;
    }
    context.out(comparisonText(compared, context, definitions));
    if (ablation !== undefined) context.out(ablationText(ablation, context));
    return exit.done;
  },
});

/** Of one run, the reference is an arm; of several, it is one of them. */
function referenceOf(
  name: string,
  runs: readonly FinishedRun[],
  context: Context,
  artifacts: string,
): FinishedRun | string {
  if (runs.length === 1) return name;
  const { path } = findIntactRun(name, artifacts, context);
  const found = runs.find((run) => run.path === path);
  if (found !== undefined) return found;
  throw new UserError("bad-option", `--reference ${name} is not one of the compared runs`, {
    help: "name it among the runs, too",
    status: "invalid",
  });
}
