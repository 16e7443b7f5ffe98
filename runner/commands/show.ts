import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { readResult } from "../pipeline/result-files.ts";
import { placeOf } from "../project/place.ts";
import { findRun, RunNotFound } from "../runs/finished-runs.ts";
import { Ablations } from "../runs/run-ablations.ts";
import { uploadsOf } from "../runs/upload-record.ts";
import { ablationText } from "../terminal/ablation.ts";
import { failuresText } from "../terminal/error-analysis.ts";
import { runSummary } from "../terminal/run-summary.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp show RUN`: one run's metrics by arm, its cost, how its arms are wrong, and where its files lie. */
export const command: Act = async ([name], options, context) => {
  const { artifacts } = placeOf(context.cwd);
  try {
    const run = findRun(name as string, artifacts, context.cwd);
    const { manifest, path } = run;
    if (options.json === true) context.out(`${JSON.stringify(manifest, null, 1)}\n`);
    else {
      context.out(runSummary(manifest, dirname(path), artifacts, context));
      const ablation = new Ablations().of(run);
      if (ablation !== undefined) context.out(ablationText(ablation, context));
      for (const { repo, commit, private: closed, at } of uploadsOf(run))
        context.out(`\nuploaded to ${repo}${closed ? " (private)" : ""} on ${at.slice(0, 10)}, commit ${commit}\n`);
      const analysis = join(dirname(path), "analysis.json");
      if (existsSync(analysis)) context.out(`\n${failuresText(readResult("analysis.json", analysis), context)}`);
    }
    return exit.done;
  } catch (error) {
    if (!(error instanceof RunNotFound)) throw error;
    context.err(`exp show: ${error.message}\n`);
    return exit.invalid;
  }
};
