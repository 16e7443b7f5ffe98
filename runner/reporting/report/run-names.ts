import type { RunFacts } from "./study.ts";

type Named = Pick<RunFacts, "experiment" | "coordinates" | "run" | "config">;

/**
 * The names of runs in a report, in their order. A run of a sweep is named by its coordinates with keys as short as possible, with
 * the experiment's name if there are several experiments. Names are unique.
 */
export function runNames(runs: readonly Named[]): readonly string[] {
  const isOneExperiment = runs.length > 1 && runs.every(({ experiment }) => experiment === runs[0]?.experiment);
  const short = runs.map((run) => {
    const settings = settingsText(run.coordinates);
    if (settings === "") return run.experiment;
    return isOneExperiment ? settings : `${run.experiment}: ${settings}`;
  });
  const isShared = (name: string, all: readonly string[]): boolean => all.indexOf(name) !== all.lastIndexOf(name);
  const withSplit = short.map((name, at) =>
    isShared(name, short) ? `${name}${splitSuffix(runs[at]?.config.evaluate.split ?? "")}` : name,
  );
  return withSplit.map((name, at) => (isShared(name, withSplit) ? `${name} ${runs[at]?.run.slice(-8)}` : name));
}

/** Sweep coordinates as text: "train.rank=8,train.method=lora" becomes "rank 8, method lora". */
export function settingsText(coordinates: string): string {
  if (coordinates === "") return "";
  const settings = coordinates.split(/,(?=[\w.]+=)/).map((setting) => {
    const at = setting.indexOf("=");
    return { key: setting.slice(0, at), value: setting.slice(at + 1) };
  });
  const last = (key: string): string => key.slice(key.lastIndexOf(".") + 1);
  return settings
    .map(({ key, value }) => {
      const isUnique = settings.filter((other) => last(other.key) === last(key)).length === 1;
      return `${isUnique ? last(key) : key} ${value}`;
    })
    .join(", ");
}

/** The runs that the results section reports: those evaluated on test, or all runs if none is. */
export function resultRuns(runs: readonly RunFacts[]): readonly RunFacts[] {
  const tested = runs.filter(({ config }) => config.evaluate.split === "test");
  return tested.length > 0 ? tested : runs;
}

const splitSuffix = (split: string): string => ` (on ${split})`;

/** A run's name without its split. */
export const withoutSplit = (name: string): string =>
  ["validation", "test"].map(splitSuffix).reduce((short, suffix) => short.replace(suffix, ""), name);
