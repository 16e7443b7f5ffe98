import { flag, list } from "./command.ts";

/** Options that several commands share. */
export const set = list("key=value", "Override a key, as in --set train.rank=32.");
export const sweep = list("key=values", "Vary a key, as in --sweep train.rank=8,16,32. Every combination is a run.");
export const smoke = flag(
  "Run the whole study in minutes, on 20 rows and 5 training steps, under separate cache keys.",
);
export const acceptStale = list(
  "step",
  "Reuse this step's stored result although recipe code has changed since. The run records it.",
);
export const trust = flag("Allow the listed values of a study or run from somewhere else, and store the permission.");
export const json = flag("Print JSON on stdout.");
