import type { Baseline } from "./baseline.ts";
import { frequentValues } from "./frequent-values.ts";
import { lead } from "./lead.ts";
import { mostFrequent } from "./most-frequent.ts";
import { nearest } from "./nearest.ts";

/** Baselines that run within exp, by the name that `baselines` lists; all others are modules of recipes/baselines. */
export const baselines: Readonly<Record<string, Baseline>> = {
  most_frequent: mostFrequent,
  frequent_values: frequentValues,
  nearest,
  lead,
};
