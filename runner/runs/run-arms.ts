import type { FinishedRun } from "./finished-runs.ts";

/** The arms of a run's own experiment, without those of compared experiments. */
export function ownArms({ manifest }: FinishedRun): readonly string[] {
  return Object.keys(manifest.arms).filter((arm) => !arm.includes("."));
}

/** The subject of a run: the trained model, or the untrained one if nothing was trained. */
export function subjectOf(run: FinishedRun): string {
  const arms = ownArms(run);
  return ["tuned", "zero_shot"].find((arm) => arms.includes(arm)) ?? (arms[0] as string);
}
