import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CaseAnswer } from "../evaluation/statistics/comparison.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { withPrediction } from "../pipeline/steps/answer.ts";
import { taskOf } from "../pipeline/steps/task.ts";
import { UserError } from "../util/user-error.ts";
import type { FinishedRun } from "./finished-runs.ts";
import { outputFolder } from "./run-folder.ts";

/** The error for a file of a finished run whose bytes were deleted, or whose manifest was moved without it. */
export function fileGone(message: string): UserError {
  return new UserError("file-gone", message, {
    help: "run the experiment again, which builds only what is missing",
    status: "invalid",
  });
}

/** The answers of one arm, in the order of the scored rows. Throws UserError `file-gone`. */
export function answersOf(run: FinishedRun, arm: string, artifacts: string): readonly CaseAnswer[] {
  const { predictionKey } = taskOf(run.manifest.config);
  return readOutput(run, stepOfArm("evaluate", arm), "predictions.jsonl", artifacts)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => withPrediction(JSON.parse(line) as Omit<CaseAnswer, "prediction">, predictionKey));
}

/** The labels of an experiment's training rows. Throws UserError `file-gone`. */
export function vocabularyOf(run: FinishedRun, artifacts: string): readonly string[] {
  const counts = JSON.parse(readOutput(run, "data", "labels.json", artifacts)) as readonly { readonly label: string }[];
  return counts.map(({ label }) => label);
}

/** Reads a file from the store, or from the run's folder if that was moved together with its files. */
function readOutput({ manifest, path }: FinishedRun, step: string, file: string, artifacts: string): string {
  const { object } = manifest.steps[step] ?? {};
  const paths = [
    ...(object === undefined ? [] : [join(artifacts, "store/objects", object, file)]),
    join(dirname(path), outputFolder(step), file),
  ];
  const found = paths.find((one) => existsSync(one));
  if (found !== undefined) return readFileSync(found, "utf8");
  throw fileGone(`${manifest.experiment} ${manifest.run}: ${file} of ${step} is missing`);
}
