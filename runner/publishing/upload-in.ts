import type { Experiment } from "../config/schema.ts";
import type { FinishedRun } from "../runs/finished-runs.ts";

/** What a run's experiment says of its upload. */
export const uploadIn = ({ manifest }: FinishedRun): Experiment["upload"] =>
  (manifest.config as unknown as Experiment).upload;
