import { readFileSync } from "node:fs";
import { join } from "node:path";
import { foldKey } from "../../config/folds.ts";
import type { Select } from "../../config/schema.ts";
import { isBetter, type Metric } from "../../plugins/metrics/metric.ts";
import type { MaybeBounds } from "../../util/bounds.ts";
import type { Json } from "../../util/canonical.ts";
import { decimal } from "../../util/format.ts";

/** The score of one setting of a sweep on validation rows, averaged over its seeds. */
export type ScoredSetting = MaybeBounds & {
  /** "train.rank=8,train.method=lora" */
  readonly setting: string;
  readonly values: { readonly [key: string]: Json };
  readonly value: number;
  /** Standard deviation over seeds; null for a single run. */
  readonly sd: number | null;
  /** The value of a run is null if its cases alone give the metric no meaning. */
  readonly runs: readonly (MaybeBounds & { readonly coordinates: string; readonly value: number | null })[];
};

/** A finished rung of successive halving: its scores, and the settings that survived. */
export type RungScores = {
  readonly epochs: number;
  readonly n: number;
  /** In the order of the sweep. */
  readonly settings: readonly ScoredSetting[];
  /** The settings that survived. */
  readonly kept: readonly string[];
};

/** The content of selection.json: the scores of the settings of a sweep, the winner and the reason. */
export type Selection = {
  readonly metric: Select["metric"];
  readonly view: Select["view"];
  readonly rows: "validation";
  readonly n: number;
  /** Keys that were averaged over. */
  readonly repeated: readonly string[];
  /** In the order of the sweep. */
  readonly settings: readonly ScoredSetting[];
  /** The selected setting. */
  readonly winner: string;
  /**
   * The winner's expected score on other cases, by bootstrap bias correction: its score on the rows that selected it is
   * biased. null if the settings were not scored on the same cases, or on too many; absent for a single setting.
   */
  readonly corrected?: { readonly value: number; readonly resamples: number; readonly seed: number } | null | undefined;
  readonly why: string;
  /** For successive halving: the epochs after which the settings were scored, and the rungs before. */
  readonly epochs?: number;
  readonly earlier?: readonly RungScores[];
  /** The settings that survive; absent on the last rung. */
  readonly kept?: readonly string[];
  /** For TPE, except in the last round: the settings of the next round. */
  readonly proposed?: readonly string[];
};

/** Settings from the best to the worst. Ties keep the order of the sweep. */
export function ranked(
  scored: readonly ScoredSetting[],
  metric: Pick<Metric, "higherIsBetter">,
): readonly ScoredSetting[] {
  const beats = (a: ScoredSetting, b: ScoredSetting): number => Number(isBetter(metric, a.value, b.value));
  return scored.toSorted((a, b) => beats(b, a) - beats(a, b));
}

type Scored = Pick<Selection, "metric" | "view" | "n">;

/** Why the first of ranked settings is the winner. */
export function winnerReason(
  [best, next, ...others]: readonly ScoredSetting[],
  { metric, view, n, corrected }: Scored & Pick<Selection, "corrected">,
): string {
  if (best === undefined) throw new Error("nothing was scored");
  const score = `${metric} (${view}) ${decimal(best.value, 3)} on ${n} validation rows`;
  if (next === undefined) return `the only setting: ${score}`;
  const isFolded = best.runs.some(({ coordinates }) => coordinates.includes(`${foldKey}=`));
  const each = isFolded ? "runs over all folds" : "seeds";
  const seeds = best.runs.length > 1 ? `, mean of ${best.runs.length} ${each}` : "";
  const unbiased = corrected ? `; ${decimal(corrected.value, 3)} after correction for the selection (bootstrap)` : "";
  if (next.value === best.value)
    return `${score}${seeds}${unbiased}; equal to ${next.setting}, which comes later in the sweep`;
  const count = others.length + 2;
  return `best of ${count} settings: ${score}${seeds}${unbiased}; next is ${next.setting} with ${decimal(next.value, 3)}`;
}

/** Settings beyond this number are counted but not named; selection.json has all. */
const mostNamed = 4;

/** The reason for the survivors among ranked settings, with the scores of dropped settings. */
export function cutReason(all: readonly ScoredSetting[], keep: number, { metric, view, n }: Scored): string {
  const score = ({ setting, value }: ScoredSetting): string => `${setting} ${decimal(value, 3)}`;
  const dropped = all.slice(keep);
  const named = dropped.slice(0, mostNamed).map(score).join("; ");
  const more = dropped.length > mostNamed ? `; and ${dropped.length - mostNamed} more` : "";
  const last = all[keep - 1] as ScoredSetting;
  const tie = dropped[0]?.value === last.value ? ` (equal to a dropped setting that comes later in the sweep)` : "";
  return `${keep} of ${all.length} settings are kept, down to ${metric} (${view}) ${decimal(last.value, 3)}${tie} on ${n} validation rows; dropped: ${named}${more}`;
}

/** The best of the settings that TPE has tried, and those that it proposes. */
export function proposalReason(
  [best, ...others]: readonly ScoredSetting[],
  proposed: readonly string[],
  { metric, view, n }: Scored,
): string {
  if (best === undefined) throw new Error("nothing was scored");
  const score = `${metric} (${view}) ${decimal(best.value, 3)} on ${n} validation rows`;
  const named = proposed.slice(0, mostNamed).join("; ");
  const more = proposed.length > mostNamed ? `; and ${proposed.length - mostNamed} more` : "";
  return `best of ${others.length + 1} settings so far: ${best.setting} with ${score}; next: ${named}${more}`;
}

/** The rungs of a selection in order; none without successive halving. */
export function rungsIn({ earlier = [], epochs, n, settings, kept, winner }: Selection): readonly RungScores[] {
  return epochs === undefined ? [] : [...earlier, { epochs, n, settings, kept: kept ?? [winner] }];
}

/** The last score of a setting, its epochs in successive halving, and the coordinates of its runs on all rungs. */
export type LastScore = ScoredSetting & {
  readonly epochs: number | undefined;
  readonly coordinates: readonly string[];
};

/** The last score of every setting of a selection and its earlier rungs, in the order of the sweep. */
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

/** The output file of a selection. */
export const selectionFile = "selection.json";

/** Reads a selection. `place` is its file or the folder that contains it. */
export function readSelection(place: string): Selection {
  const file = place.endsWith(selectionFile) ? place : join(place, selectionFile);
  return JSON.parse(readFileSync(file, "utf8")) as Selection;
}
