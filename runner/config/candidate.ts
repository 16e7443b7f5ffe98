import type { Experiment, Select } from "./schema.ts";

/**
 * The same experiment as one of those that a sweep chooses among: scored on validation rows, in the metric and view that decide,
 * and nothing beside it. What it is compared with, and what is published, is the winner's.
 */
export function candidate({ upload: _theWinners, ...kept }: Experiment, { metric, view }: Select): Experiment {
  return Object.freeze({
    ...kept,
    evaluate: Object.freeze({ ...kept.evaluate, split: "validation", primary: Object.freeze({ metric, view }) }),
    compare: none,
    baselines: none,
    report: Object.freeze({ ...kept.report, xlsx: false }),
  });
}

const none = Object.freeze([]);
