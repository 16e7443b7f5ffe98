/** Progress of a running step. `total` is absent while it is unknown. */
export type Progress = {
  readonly done?: number;
  readonly total?: number;
  /** Unit of `done` and `total`: "steps", "cases", "bytes". */
  readonly unit?: string;
  readonly loss?: number;
  /** Loss on the validation rows after `done` steps. */
  readonly validation_loss?: number;
  readonly tokens_per_second?: number;
  readonly seconds_left?: number;
  readonly message?: string;
};

/** The names of its numbers and of its texts. */
export const progressNumbers = [
  "done",
  "total",
  "loss",
  "validation_loss",
  "tokens_per_second",
  "seconds_left",
] as const;
export const progressTexts = ["unit", "message"] as const;
