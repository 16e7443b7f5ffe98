import { isInnerPath } from "../pipeline/plan/record.ts";
import { isMap } from "../util/shape.ts";
import type { Manifest } from "./manifest.ts";

/** Where a training is recorded in a tracker. */
export type TrackedRun = {
  readonly step: string;
  readonly tracker: string;
  /** The run's name there. TensorBoard's folder is its run. */
  readonly run?: string;
  /** The run's id, if it differs from its name. */
  readonly id?: string;
  /** The folder of the latest attempt, below the step's outputs. */
  readonly folder?: string;
};

/** The runs of a finished run's trainings in trackers. Skips entries without the form that a training step writes. */
export function trackedRuns({ steps }: Pick<Manifest, "steps">): readonly TrackedRun[] {
  return Object.entries(steps).flatMap(([step, { evidence }]) => {
    const { trackers } = evidence as Readonly<Record<string, unknown>>;
    return Array.isArray(trackers) ? trackers.filter(isEntry).map((entry) => ({ step, ...entry })) : [];
  });
}

/** Names are printed as parts of shell commands. */
const isWord = (value: unknown): boolean => typeof value === "string" && /^\w[\w.-]{0,99}$/.test(value);

function isEntry(value: unknown): value is Omit<TrackedRun, "step"> {
  if (!isMap(value)) return false;
  const { tracker, run, id, folder } = value;
  return (
    isWord(tracker) &&
    [run, id].every((name) => name === undefined || isWord(name)) &&
    (folder === undefined || isInnerPath(folder))
  );
}

/** The name of a training in trackers; recipes/common/training/trackers.py makes it. */
const trackedName = /^train-([0-9a-f]{12})$/;

/** Whether a run has the training that a tracker calls by this name. */
export function isTrackedAs({ steps }: Pick<Manifest, "steps">, name: string): boolean {
  const digits = trackedName.exec(name)?.[1];
  return digits !== undefined && Object.values(steps).some(({ key }) => key.startsWith(digits));
}

export const isTrackedName = (name: string): boolean => trackedName.test(name);
