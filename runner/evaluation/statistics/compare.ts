import type { Metric, ScoredCases } from "../../plugins/metrics/metric.ts";
import { bootstrap, type Draws, jackknife, type Pause, type Samples } from "./bootstrap.ts";
import { type Contrast, type Family, familyOf } from "./family.ts";
import { type GainPair, type Interaction, interactionOf } from "./interaction.ts";
import { correctCases } from "./intervals.ts";
import { type CaseGroups, type Packed, pack, prepare } from "./packed.ts";
import { type Pair, pairOf } from "./pair.ts";
import { randomisation } from "./randomisation.ts";
import { averageSeeds } from "./seeds.ts";
import { type Measured, measured, type Side } from "./side.ts";

/** An answerer and its scored cases, one set for each seed that it was trained with. */
export type ScoredArm = { readonly name: string; readonly seeds: readonly ScoredCases[] };

/** What is planned before the run in addition to the tests of the subject. */
export type Planned = { readonly contrasts: readonly Contrast[]; readonly interactions: readonly GainPair[] };

/** Answerers compared on the same cases. */
export type Compared = {
  readonly arms: Readonly<Record<string, Readonly<Record<string, Measured>>>>;
  readonly pairs: readonly Pair[];
  readonly family: Family;
  /** Absent if none are planned. */
  readonly interactions?: readonly Interaction[];
};

/** How answerers are compared. */
export type CompareOptions = {
  /** The answerer that the family of tests is about. */
  readonly subject: string;
  readonly metrics: readonly Metric[];
  /** The name of one of `metrics`. */
  readonly primary: string;
  readonly bootstrap: Draws;
  /** What is tested in addition to the subject against each other answerer. */
  readonly planned?: Planned | undefined;
  /** Groups of cases that are resampled, left out and swapped together. Absent: cases are independent. */
  readonly groups?: CaseGroups | undefined;
};

/** Offset from the seed of the bootstrap, so that randomisation does not repeat its numbers. */
const randomisationOffset = 2;

/**
 * Compares answerers on the same cases over one space: each metric with its interval, every pair by paired bootstrap,
 * approximate randomisation and exact McNemar, and one family of tests.
 */
export async function compareAll(
  arms: readonly ScoredArm[],
  { subject, metrics, primary, bootstrap: draws, groups, planned }: CompareOptions,
  pause?: Pause,
): Promise<Compared> {
  const sets = arms.flatMap(({ seeds }) => seeds);
  await prepare(sets, metrics, pause);
  const packed = pack(sets, metrics, groups);
  const drawn = [...(await bootstrap(packed, draws, pause))];
  const rest = [...packed];
  const sides = arms.map(({ name, seeds }): Side => {
    const own = rest.splice(0, seeds.length);
    const samples = drawn.splice(0, seeds.length);
    const values = own.map((one) => one.estimates());
    const without = own.map(jackknife);
    const [first] = seeds;
    const average = (of: readonly Samples[], metric: number): Float64Array =>
      averageSeeds(of.map((one) => one[metric] as Float64Array));
    return {
      name,
      packed: own.length === 1 ? own[0] : undefined,
      cases: first?.n ?? 0,
      groups,
      correct: own.length === 1 && first !== undefined ? correctCases(first) : undefined,
      preferred: (own[0] as Packed).intervalMethods(),
      values: metrics.map((_, metric) => values.map((one) => one[metric] as number)),
      samples: metrics.map((_, metric) => average(samples, metric)),
      leftOut: metrics.map((_, metric) => average(without, metric)),
    };
  });

  const couples = sides.flatMap((side, index) =>
    sides
      .slice(index + 1)
      .map((other): readonly [Side, Side] => (other.name === subject ? [other, side] : [side, other])),
  );
  const single = sides.filter(({ packed }) => packed !== undefined);
  const tested = couples.filter((couple) => couple.every((side) => single.includes(side)));
  const chances = await randomisation(
    single.map((side) => side.packed as Packed),
    tested.map(([a, b]) => [single.indexOf(a), single.indexOf(b)]),
    { resamples: draws.resamples, seed: draws.seed + randomisationOffset },
    pause,
  );
  const pairs = couples.map((couple) => pairOf(couple, metrics, chances[tested.indexOf(couple)]));
  const isShareCorrect = metrics.some(({ name, isShareCorrect }) => name === primary && isShareCorrect === true);
  const place = metrics.findIndex(({ name }) => name === primary);
  const sideOf = new Map(sides.map((side) => [side.name, side]));
  const interactions = (planned?.interactions ?? []).flatMap(
    (one) => interactionOf(one, sideOf, metrics[place] as Metric, place) ?? [],
  );
  return {
    arms: Object.fromEntries(sides.map((side) => [side.name, measured(side, metrics)])),
    pairs,
    ...(interactions.length === 0 ? {} : { interactions }),
    family: familyOf(pairs, {
      ...{ subject, metric: primary, contrasts: planned?.contrasts ?? [] },
      exactTest: isShareCorrect
        ? groups === undefined
          ? "exact McNemar"
          : "exact randomisation of groups"
        : undefined,
    }),
  };
}
