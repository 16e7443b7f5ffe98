import type { Experiment } from "../plugins/experiment.ts";
import type { Select } from "./schema.ts";

/**
 * The experiment as a candidate of a sweep: scored on validation rows only, in the metric and view that select the winner.
 * Comparisons, baselines, the workbook and the upload belong to the winner.
 */
export function candidate({ upload: _upload, ...kept }: Experiment, { metric, view }: Select): Experiment {
  // The margin is for the arms of the winner.
  const { non_inferiority: _margin, ...evaluate } = kept.evaluate;
  return Object.freeze({
    ...kept,
    evaluate: Object.freeze({
      ...evaluate,
      split: "validation",
      subgroups: Object.freeze([]),
      primary: Object.freeze({ metric, view }),
    }),
    compare: none,
    baselines: none,
    report: Object.freeze({ ...kept.report, xlsx: false }),
  });
}

const none = Object.freeze([]);
