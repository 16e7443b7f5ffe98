import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { readResult } from "../pipeline/result-files.ts";
import { placeOf } from "../project/place.ts";
import { findIntactRun } from "../runs/intact-run.ts";
import { Ablations } from "../runs/run-ablations.ts";
import { uploadsOf } from "../runs/upload-record.ts";
import { ablationText } from "../terminal/ablation.ts";
import { errorAnalysisText } from "../terminal/error-analysis.ts";
import { runSummary } from "../terminal/run-summary.ts";
import { exit } from "../util/context.ts";
import { defineCommand, required } from "./command.ts";
import { json } from "./common-options.ts";

export const command = defineCommand({
  arguments: { run: required("run", "A run id, an experiment (for its latest run), or a manifest.") },
  options: { json },
  async run({ run: name, json }, context) {
    const { artifacts } = placeOf(context.cwd);
    const run = findIntactRun(name, artifacts, context);
    const { manifest, path } = run;
    if (json) {
      context.out(`${JSON.stringify(manifest, null, 1)}\n`);
      return exit.done;
    }
    context.out(runSummary(manifest, dirname(path), artifacts, context));
    const ablation = new Ablations().of(run);
    if (ablation !== undefined) context.out(ablationText(ablation, context));
    for (const { repo, commit, private: isPrivate, at } of uploadsOf(run))
      context.out(`\nuploaded to ${repo}${isPrivate ? " (private)" : ""} on ${at.slice(0, 10)}, commit ${commit}\n`);
    const analysis = join(dirname(path), "analysis.json");
    if (existsSync(analysis)) context.out(`\n${errorAnalysisText(readResult("analysis.json", analysis), context)}`);
    return exit.done;
  },
});
