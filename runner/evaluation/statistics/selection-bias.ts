import type { Metric, ScoredCases } from "../../plugins/metrics/metric.ts";
import { isBetter } from "../../plugins/metrics/metric.ts";
import { createRandom } from "../../util/random.ts";
import { type Draws, drawCases, type Pause } from "./bootstrap.ts";
import { type CaseGroups, pack, prepare } from "./packed.ts";

/** Operations between two pauses. */
const stretch = 10_000_000;

/**
 * What the winner among settings is expected to score on other cases: the score on the cases that it was selected on is
 * biased, because the winner is also the luckiest. Bootstrap bias correction (Tsamardinos, Greasidou, Borboudakis,
 * Machine Learning 2018): on each resample of the cases the best setting is selected, and scored on the cases that the
 * resample lacks.
 *
 * `settings` has the scored cases of each setting, one set for each seed, over one space. A metric of fewer cases can
 * differ from that of all: the mean of this change over all settings is subtracted. null if a resample never lacks a
 * case.
 */
export async function scoreWithoutSelection(
  settings: readonly (readonly ScoredCases[])[],
  metric: Metric,
  groups: CaseGroups | undefined,
  { resamples, seed }: Draws,
  pause?: Pause,
): Promise<number | null> {
  await prepare(settings.flat(), [metric], pause);
  const rest = [...pack(settings.flat(), [metric], groups)];
  const packed = settings.map((seeds) => rest.splice(0, seeds.length));
  const all = packed.flat();
  const units = all[0]?.n ?? 0;
  const sums = all[0]?.sums() ?? [];
  const value = all[0]?.emptyValues(1) ?? [];
  const [inside, outside] = [new Int32Array(units), new Int32Array(units)];
  const scoreOf = (seeds: typeof all, weights: Int32Array): number => {
    let sum = 0;
    for (const one of seeds) {
      for (const counters of sums) counters.fill(0);
      one.addAll(weights, sums);
      one.score(sums, value, 0);
      sum += value[0]?.[0] as number;
    }
    return sum / seeds.length;
  };
  const whole = packed.map((seeds) => scoreOf(seeds, new Int32Array(units).fill(1)));
  const work = 2 * all.reduce((sum, one) => sum + one.work, units);
  const random = createRandom(seed);
  let [counted, winners, changes, done] = [0, 0, 0, 0];
  for (let sample = 0; sample < resamples; sample++) {
    drawCases(random, inside);
    let left = 0;
    for (let unit = 0; unit < units; unit++) {
      outside[unit] = inside[unit] === 0 ? 1 : 0;
      left += outside[unit] as number;
    }
    if (left === 0) continue;
    let best = 0;
    const selectedBy = packed.map((seeds) => scoreOf(seeds, inside));
    for (const [at, score] of selectedBy.entries()) if (isBetter(metric, score, selectedBy[best] as number)) best = at;
    const tested = packed.map((seeds) => scoreOf(seeds, outside));
    winners += tested[best] as number;
    changes += tested.reduce((sum, score, at) => sum + score - (whole[at] as number), 0) / tested.length;
    counted++;
    done += work;
    if (pause !== undefined && done > stretch) {
      done = 0;
      await pause();
    }
  }
  return counted === 0 ? null : (winners - changes) / counted;
}
