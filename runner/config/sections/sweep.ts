import { metricNames } from "../../plugins/metric-names.ts";
import { seed, view } from "./scalars.ts";

const gridSchema = {
  type: "object",
  minProperties: 1,
  additionalProperties: { type: "array", minItems: 1 },
} as const;

/** JSON Schema of `sweep`. Its paths and values are checked against the experiment's schema besides. */
export const sweepSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    grid: { ...gridSchema, description: "Key -> values; every combination is a run." },
    zip: { ...gridSchema, description: "Key -> values; the first of each go together, then the second, …" },
    strategy: {
      type: "string",
      enum: ["grid", "random", "halving"],
      description:
        "All settings, or a seeded draw of `trials` among them; or successive halving over either: all are trained for few epochs, and the best of them on validation for more. Absent: grid.",
    },
    trials: {
      type: "integer",
      minimum: 1,
      description: "How many settings are drawn, at random or to be halved; each has all repeats.",
    },
    eta: {
      type: "integer",
      minimum: 2,
      description: "Of a sweep by halving: one setting in so many goes on, to so many times the epochs. Absent: 2.",
    },
    min_epochs: {
      type: "integer",
      minimum: 1,
      description: "Of a sweep by halving: the fewest epochs after which settings are compared. Absent: 1.",
    },
    seed: { ...seed, description: "Seed of the draw. Absent: 1." },
    repeat: { ...gridSchema, description: "Key -> values, usually seeds: averaged over, not selected among." },
    exclude: {
      type: "array",
      items: { type: "object", minProperties: 1 },
      description: "Combinations to leave out: a run that agrees with all keys of an entry.",
    },
    select: {
      type: "object",
      additionalProperties: false,
      properties: {
        metric: { type: "string", enum: metricNames, default: "micro_f1", description: "What the winner is best in." },
        view: { ...view, default: "canonical", description: "The label view that it is taken in." },
      },
      description: "Choose a winner on validation; only it is scored on test.",
    },
  },
  description: "Makes this file a sweep: one run for each point.",
} as const;
