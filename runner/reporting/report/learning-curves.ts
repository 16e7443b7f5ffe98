import type { CurvePoint } from "../../runs/live-run.ts";

/** The curves of one training, by quantity: "loss", and the metrics of answers to validation rows. */
export type LearningCurve = {
  readonly name: string;
  /** Steps of one epoch; null if unknown. */
  readonly stepsPerEpoch: number | null;
  readonly training: readonly CurvePoint[];
  readonly validation: Readonly<Record<string, readonly CurvePoint[]>>;
};

/** The curves of the trainings of a page, for its script. */
export type LearningCurves = {
  readonly curves: readonly LearningCurve[];
  /** Quantity -> display name. */
  readonly names: Readonly<Record<string, string>>;
};
