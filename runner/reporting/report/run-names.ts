import type { RunFacts } from "./study.ts";

type Named = Pick<RunFacts, "experiment" | "coordinates" | "run" | "config">;

/**
 * What a report calls each of its runs, in their order. A run of a sweep is named by what varies, of each key as little as is
 * needed; the experiment is named where there are several. Two runs never share a name.
 */
export function runNames(runs: readonly Named[]): readonly string[] {
  const isOne = runs.length > 1 && runs.every(({ experiment }) => experiment === runs[0]?.experiment);
  const words = runs.map((run) => {
    const settings = settingsWords(run.coordinates);
    if (settings === "") return run.experiment;
    return isOne ? settings : `${run.experiment}: ${settings}`;
  });
  const isShared = (name: string, all: readonly string[]): boolean => all.indexOf(name) !== all.lastIndexOf(name);
  const withRows = words.map((word, at) =>
    isShared(word, words) ? `${word}${rowsWord(runs[at]?.config.evaluate.split ?? "")}` : word,
  );
  return withRows.map((word, at) => (isShared(word, withRows) ? `${word} ${runs[at]?.run.slice(-8)}` : word));
}

/** "train.rank=8,train.method=lora" as people read it: "rank 8, method lora". */
export function settingsWords(coordinates: string): string {
  if (coordinates === "") return "";
  const settings = coordinates.split(/,(?=[\w.]+=)/).map((setting) => {
    const at = setting.indexOf("=");
    return { key: setting.slice(0, at), value: setting.slice(at + 1) };
  });
  const last = (key: string): string => key.slice(key.lastIndexOf(".") + 1);
  return settings
    .map(({ key, value }) => {
      const isAlone = settings.filter((other) => last(other.key) === last(key)).length === 1;
      return `${isAlone ? last(key) : key} ${value}`;
    })
    .join(", ");
}

/** The runs that results are about: those scored on test, where any is; runs that a sweep chose among stand in its ablation. */
export function resultRuns(runs: readonly RunFacts[]): readonly RunFacts[] {
  const tested = runs.filter(({ config }) => config.evaluate.split === "test");
  return tested.length > 0 ? tested : runs;
}

const rowsWord = (on: string): string => ` (on ${on})`;

/** A run's name where it does not matter on which rows it was scored. */
export const withoutRows = (name: string): string =>
  ["validation", "test"].map(rowsWord).reduce((word, rows) => word.replace(rows, ""), name);
