import { shownMetrics } from "../plugins/metrics/own-metric.ts";
import { openStored } from "../project/place.ts";
import { armNaming } from "../reporting/report/display-names.ts";
import { diffRuns } from "../runs/diff.ts";
import { findIntactRun } from "../runs/intact-run.ts";
import { recordsOf } from "../runs/run-origin.ts";
import { runTask } from "../runs/run-task.ts";
import { diffText } from "../terminal/diff.ts";
import { exit } from "../util/context.ts";
import { defineCommand, required } from "./command.ts";
import { json } from "./common-options.ts";

export const command = defineCommand({
  arguments: {
    first: required("run", "A finished run or a manifest."),
    second: required("other", "The run or manifest to compare it with."),
  },
  options: { json },
  async run({ first, second, json }, context) {
    const { root, artifacts, store } = openStored(context.cwd, context, "read");
    try {
      const a = findIntactRun(first, artifacts, context);
      const b = findIntactRun(second, artifacts, context);
      const { evaluate } = a.manifest.config;
      const { open } = await runTask(a, root);
      const diff = diffRuns(a, b, evaluate.primary.view, {
        artifacts,
        record: recordsOf([a, b], store),
        parts: (value, view = "raw", gold) => open.parts(value, view, gold),
      });
      const shown = [...new Set([evaluate.primary.metric, ...shownMetrics(evaluate)])];
      const armName = armNaming({ ...b.manifest, arms: Object.keys(b.manifest.arms) });
      context.out(json ? `${JSON.stringify(diff, null, 1)}\n` : diffText(diff, shown, context, armName));
      return exit.done;
    } finally {
      store.close();
    }
  },
});
