import type { Train } from "../experiment.ts";

/** The metric on validation rows that selects the kept checkpoint; undefined if none does. */
export function selectionMetric(keep: Train["keep"]): string | undefined {
  return typeof keep === "object" && "best" in keep ? keep.best : undefined;
}

/** The number of last epochs whose weights are averaged; undefined if they are not. */
export function averagedEpochs(keep: Train["keep"]): number | undefined {
  return typeof keep === "object" && "average" in keep ? keep.average : undefined;
}

/** The weights that a training keeps, for tables. `shown` gives the name of a metric. */
export function keptText(keep: Train["keep"], shown: (metric: string) => string): string {
  const metric = selectionMetric(keep);
  if (metric !== undefined) return `best ${shown(metric)} on validation rows`;
  const epochs = averagedEpochs(keep);
  return epochs === undefined ? "last" : `mean of the last ${epochs} epochs`;
}
