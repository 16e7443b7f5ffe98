import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { CaseAnswer } from "../evaluation/statistics/comparison.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { withPrediction } from "../pipeline/steps/answer.ts";
import { taskOf } from "../pipeline/steps/task.ts";
import { UserError } from "../util/user-error.ts";
import type { FinishedRun } from "./finished-runs.ts";

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

/** The arms that an experiment has itself, without those of experiments that it compares itself with. */
export function ownArms({ manifest }: FinishedRun): readonly string[] {
  return Object.keys(manifest.arms).filter((arm) => !arm.includes("."));
}

/** The arm that an experiment is about: what it trained, else the untrained model. */
export function subjectOf(run: FinishedRun): string {
  const arms = ownArms(run);
  return ["tuned", "zero_shot"].find((arm) => arms.includes(arm)) ?? (arms[0] as string);
}

/** A file in the store, or beside a manifest that was moved together with its run's files. */
function readOutput({ manifest, path }: FinishedRun, step: string, file: string, artifacts: string): string {
  const { object } = manifest.steps[step] ?? {};
  const folder = step.includes(".") ? step.slice(step.indexOf(".") + 1) : step;
  const places = [
    ...(object === undefined ? [] : [join(artifacts, "store/objects", object, file)]),
    join(dirname(path), folder, file),
  ];
  const found = places.find(existsSync);
  if (found !== undefined) return readFileSync(found, "utf8");
  throw fileGone(`${manifest.experiment} ${manifest.run}: ${file} of ${step} is no longer there`);
}
