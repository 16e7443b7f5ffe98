import { readFileSync } from "node:fs";
import { join } from "node:path";
import { foldKey } from "../../config/folds.ts";
import type { Select } from "../../config/schema.ts";
import { isBetter, type Metric } from "../../plugins/metrics/metric.ts";
import type { Json } from "../../util/canonical.ts";

type Ends = { readonly low: number; readonly high: number };

/** One setting of a sweep on validation rows; averaged over its runs where they are seeds of each other. */
export type ScoredSetting = Ends & {
  /** "train.rank=8,train.method=lora" */
  readonly setting: string;
  readonly values: { readonly [key: string]: Json };
  readonly value: number;
  /** Standard deviation over seeds; null for a single run. */
  readonly sd: number | null;
  readonly runs: readonly (Partial<Ends> & { readonly coordinates: string; readonly value: number })[];
};

/** A rung of a sweep by halving that is over: what was scored on it, and what went on. */
export type RungScores = {
  readonly epochs: number;
  readonly n: number;
  /** In the order of the sweep. */
  readonly settings: readonly ScoredSetting[];
  /** The settings that went on. */
  readonly kept: readonly string[];
};

/** What selection.json holds: the table by which a sweep's winner was chosen, and why it was. */
export type Selection = {
  readonly metric: Select["metric"];
  readonly view: Select["view"];
  readonly rows: "validation";
  readonly n: number;
  /** Keys that were averaged over. */
  readonly repeated: readonly string[];
  /** In the order of the sweep. */
  readonly settings: readonly ScoredSetting[];
  /** The setting that won. */
  readonly winner: string;
  readonly why: string;
  /** Of a sweep by halving: after how many epochs the settings were scored, and the rungs before. */
  readonly epochs?: number;
  readonly earlier?: readonly RungScores[];
  /** The settings that go on; absent on the last rung, where one wins. */
  readonly kept?: readonly string[];
};

/** Settings as they stand to each other, the best first; of equals the first in the sweep. */
export function ranked(
  scored: readonly ScoredSetting[],
  metric: Pick<Metric, "higherIsBetter">,
): readonly ScoredSetting[] {
  const beats = (a: ScoredSetting, b: ScoredSetting): number => Number(isBetter(metric, a.value, b.value));
  return scored.toSorted((a, b) => beats(b, a) - beats(a, b));
}

type Scored = Pick<Selection, "metric" | "view" | "n">;

/** Why the first of ranked settings is the winner. */
export function winnerReason([best, next, ...others]: readonly ScoredSetting[], { metric, view, n }: Scored): string {
  if (best === undefined) throw new Error("nothing was scored");
  const score = `${metric} (${view}) ${best.value.toFixed(3)} on ${n} validation rows`;
  if (next === undefined) return `only setting: ${score}`;
  const isFolded = best.runs.some(({ coordinates }) => coordinates.includes(`${foldKey}=`));
  const each = isFolded ? "runs over all folds" : "seeds";
  const seeds = best.runs.length > 1 ? `, mean of ${best.runs.length} ${each}` : "";
  if (next.value === best.value) return `${score}${seeds}; tie with ${next.setting}, which is later in the sweep`;
  const count = others.length + 2;
  return `best of ${count} settings: ${score}${seeds}; second: ${next.setting} with ${next.value.toFixed(3)}`;
}

/** More settings than this are counted and not named; selection.json has all. */
const mostNamed = 4;

/** Which of ranked settings go on, and the scores of those that do not. */
export function cutReason(all: readonly ScoredSetting[], keep: number, { metric, view, n }: Scored): string {
  const score = ({ setting, value }: ScoredSetting): string => `${setting} ${value.toFixed(3)}`;
  const dropped = all.slice(keep);
  const named = dropped.slice(0, mostNamed).map(score).join("; ");
  const more = dropped.length > mostNamed ? `; and ${dropped.length - mostNamed} more` : "";
  const last = all[keep - 1] as ScoredSetting;
  const tie = dropped[0]?.value === last.value ? ` (tie: ${last.setting} is earlier in the sweep)` : "";
  return `${keep} of ${all.length} settings continue: ${metric} (${view}) of at least ${last.value.toFixed(3)} on ${n} validation rows${tie}; dropped: ${named}${more}`;
}

/** The rungs of a selection, the first one first; none where a sweep does not halve. */
export function rungsIn({ earlier = [], epochs, n, settings, kept, winner }: Selection): readonly RungScores[] {
  return epochs === undefined ? [] : [...earlier, { epochs, n, settings, kept: kept ?? [winner] }];
}

/**
 * A setting as it was scored last, after how many epochs where a sweep halves, and the coordinates of its runs on all
 * rungs.
 */
export type LastScore = ScoredSetting & {
  readonly epochs: number | undefined;
  readonly coordinates: readonly string[];
};

/** Every setting that a selection or a rung before it scored, in the order of the sweep. */
export function lastScores(selection: Selection): readonly LastScore[] {
  const scores = new Map<string, LastScore>();
  const rungs = rungsIn(selection);
  for (const { epochs, settings } of rungs.length > 0 ? rungs : [{ ...selection, epochs: undefined }]) {
    for (const one of settings) {
      const before = scores.get(one.setting)?.coordinates ?? [];
      scores.set(one.setting, {
        ...{ ...one, epochs },
        coordinates: [...before, ...one.runs.map(({ coordinates }) => coordinates)],
      });
    }
  }
  return [...scores.values()];
}

/** What a selection writes. */
export const selectionFile = "selection.json";

/** What a selection has written, by its file or the folder that holds it. */
export function readSelection(place: string): Selection {
  const file = place.endsWith(selectionFile) ? place : join(place, selectionFile);
  return JSON.parse(readFileSync(file, "utf8")) as Selection;
}
