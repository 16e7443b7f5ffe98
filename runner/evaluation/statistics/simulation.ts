import { viewOf } from "../../data/labels/views.ts";
import { createRandom, type Random } from "../../util/random.ts";
import { classificationMetrics } from "../labels/class-metrics.ts";
import { intern, type LabelCase, scoredCases, tabulate } from "../labels/table.ts";
import { compareAll, type ScoredArm } from "./compare.ts";
import { intervalsOf } from "./intervals.ts";
import { caseGroups, scoresOf } from "./packed.ts";

/** A population of cases with known properties, from which studies are drawn. */
export type Population = {
  readonly name: string;
  readonly description: string;
  readonly labels: readonly string[];
  /** Gold labels of a case, and whether it is harder than others. */
  drawGold(random: Random): { readonly gold: readonly string[]; readonly isHard: boolean };
  /** Probability that an answer has a label, by its place in `labels`. `skill` is added to the probability of a hit. */
  chance(label: number, isGold: boolean, isHard: boolean, skill: number): number;
  /** Whether an answer is one label, drawn by the chances of a hit; else a set. */
  readonly isSingle?: true;
  /**
   * Cases in a group, such as reports of one patient. Half of the later cases of a group repeat the gold and the answers
   * of its first case. Default: 1.
   */
  readonly perGroup?: number;
};

const letters = [..."abcdefgh"];
const common = letters.map((_, k) => 0.5 / (1 + 0.4 * k));
const drawSet = (random: Random, labels: readonly string[], share: readonly number[]): readonly string[] =>
  labels.filter((_, k) => random.next() < (share[k] as number));

const tail = Array.from({ length: 200 }, (_, k) => `label ${k}`);
const tailShare = tail.map((_, k) => 0.5 / (k + 1));

const eightLabels: Population = {
  name: "8 labels",
  description: "label sets, 8 labels, the rarest in 13 % of the cases",
  labels: letters,
  drawGold: (random) => ({ gold: drawSet(random, letters, common), isHard: random.next() < 0.5 }),
  chance: (_, isGold, isHard, skill) => (isGold ? (isHard ? 0.6 : 0.85) + skill : isHard ? 0.1 : 0.05),
};

/** Patients with three reports each. */
export const grouped: Population = {
  ...eightLabels,
  name: "3 per group",
  description: "as 8 labels, in groups of three cases, of which later ones repeat the first one with probability .5",
  perGroup: 3,
};

/** The populations of the table in docs/explanation/statistics.md. */
export const populations: readonly Population[] = [
  eightLabels,
  {
    name: "200 labels",
    description: "label sets, 200 labels with Zipf frequencies from 50 % to 0.25 % of the cases",
    labels: tail,
    drawGold: (random) => ({ gold: drawSet(random, tail, tailShare), isHard: random.next() < 0.3 }),
    chance: (label, isGold, isHard, skill) =>
      isGold
        ? 0.85 - 0.45 * (label / tail.length) + (isHard ? -0.28 : 0.12) + skill
        : 0.25 * (tailShare[label] as number),
  },
  {
    name: "nearly perfect",
    description: "label sets, 8 labels, 4 % of the cases answered with errors",
    labels: letters,
    drawGold: (random) => ({ gold: drawSet(random, letters, common), isHard: random.next() < 0.04 }),
    chance: (_, isGold, isHard, skill) => (isGold ? (isHard ? 0.6 : 1) + skill : isHard ? 0.12 : 0),
  },
  {
    name: "one label",
    description: "one label a case, 8 labels",
    labels: letters,
    isSingle: true,
    drawGold(random) {
      const label = letters[Math.min(letters.length - 1, Math.floor(letters.length * random.next() ** 1.5))] as string;
      return { gold: [label], isHard: random.next() < 0.3 };
    },
    chance: (_, _isGold, isHard, skill) => (isHard ? 0.5 : 0.85) + skill,
  },
];

const raw = viewOf("raw");

/** Answers of several answerers to the same drawn cases. `skills` has one entry for each answerer. */
function drawStudy(
  { labels, drawGold, chance, isSingle, perGroup = 1 }: Population,
  n: number,
  skills: readonly number[],
  random: Random,
) {
  const answers: LabelCase[][] = skills.map(() => []);
  for (let row = 0; row < n; row++) {
    if (row % perGroup > 0 && random.next() < 0.5) {
      for (const own of answers) own.push(own[row - (row % perGroup)] as LabelCase);
      continue;
    }
    const { gold, isHard } = drawGold(random);
    const isGold = new Set(gold);
    for (const [who, skill] of skills.entries()) {
      const prediction = isSingle
        ? [
            random.next() < chance(0, true, isHard, skill)
              ? (gold[0] as string)
              : (labels[random.below(labels.length)] as string),
          ]
        : labels.filter((label, k) => random.next() < chance(k, isGold.has(label), isHard, skill));
      (answers[who] as LabelCase[]).push({ target: gold, prediction });
    }
  }
  return answers.map((cases) => scoredCases(tabulate(intern(cases), raw, labels)));
}

/** How large a simulation is. `asIndependent`: the groups of cases are not used. */
export type Size = {
  readonly studies: number;
  readonly resamples: number;
  readonly seed: number;
  readonly asIndependent?: boolean;
};

/** The groups of `n` cases. */
const groupsOf = (n: number, { perGroup = 1 }: Population, { asIndependent = false }: Size) =>
  perGroup === 1 || asIndependent
    ? undefined
    : caseGroups(Array.from({ length: n }, (_, row) => String(Math.floor(row / perGroup))));

/** Coverage of the 95 % intervals of a metric. */
export type Coverage = {
  /** Share of intervals that contain the mean of the metric over studies of this size. */
  readonly expected: number;
  /** Share of intervals that contain the metric of 20,000 cases. */
  readonly population: number;
  /** Studies whose metric has an interval. */
  readonly intervals: number;
  /** Mean width. */
  readonly width: number;
};

/** Draws studies of `n` cases and counts how often the interval of each metric contains the true value. */
export async function coverage(
  population: Population,
  n: number,
  names: readonly string[],
  size: Size,
): Promise<Readonly<Record<string, Coverage>>> {
  const { studies, resamples, seed } = size;
  const groups = groupsOf(n, population, size);
  const metrics = names.map((name) => classificationMetrics.get(name));
  const random = createRandom(seed);
  const draw = (size: number) => drawStudy(population, size, [0], random)[0] as ReturnType<typeof scoredCases>;
  const large = scoresOf(draw(20_000), metrics);
  const sums = names.map(() => 0);
  const others = Math.max(1000, studies);
  for (let study = 0; study < others; study++) {
    const scores = scoresOf(draw(n), metrics);
    for (const [at, name] of names.entries()) (sums[at] as number) += (scores[name] as number) / others;
  }
  const found = names.map(() => ({ expected: 0, population: 0, intervals: 0, width: 0 }));
  for (let study = 0; study < studies; study++) {
    const [intervals] = await intervalsOf([draw(n)], metrics, { resamples, seed: seed + study, groups });
    for (const [at, name] of names.entries()) {
      const { low, high } = intervals?.[name] ?? {};
      if (low === undefined || high === undefined) continue;
      const own = found[at] as (typeof found)[number];
      const contains = (value: number): number => Number(low <= value && value <= high);
      own.intervals++;
      own.width += high - low;
      own.expected += contains(sums[at] as number);
      own.population += contains(large[name] as number);
    }
  }
  const share = (count: number, of: number): number => (of === 0 ? Number.NaN : count / of);
  return Object.fromEntries(
    names.map((name, at) => {
      const { expected, population, intervals, width } = found[at] as (typeof found)[number];
      const own = {
        expected: share(expected, intervals),
        population: share(population, intervals),
        width: share(width, intervals),
        intervals,
      };
      return [name, own];
    }),
  );
}

/** Spread of training over seeds, as a change of the probability of a hit. */
const skillDeviation = 0.04;

/**
 * Draws studies in which two answerers are equal, and counts by metric how often each test is significant at 5 %. With
 * several `seeds`, each seed of an answerer has a skill of its own, from the same distribution for both.
 */
export async function falseAlarms(
  population: Population,
  n: number,
  names: readonly string[],
  size: Size,
  seeds = 1,
): Promise<Readonly<Record<string, number>>> {
  const { studies, resamples, seed } = size;
  const groups = groupsOf(n, population, size);
  const random = createRandom(seed);
  const metrics = names.map((name) => classificationMetrics.get(name));
  const alarms = new Map<string, number>();
  const note = (test: string, isAlarm: boolean): void => {
    alarms.set(test, (alarms.get(test) ?? 0) + Number(isAlarm) / studies);
  };
  for (let study = 0; study < studies; study++) {
    const skills = Array.from({ length: 2 * seeds }, () => (seeds === 1 ? 0 : skillDeviation * normal(random)));
    const scored = drawStudy(population, n, skills, random);
    const arms: ScoredArm[] = [
      { name: "a", seeds: scored.slice(0, seeds) },
      { name: "b", seeds: scored.slice(seeds) },
    ];
    const draws = { resamples, seed: seed + study };
    const options = { subject: "a", metrics, primary: names[0] as string, bootstrap: draws, groups };
    const { pairs } = await compareAll(arms, options);
    const [pair] = pairs as [(typeof pairs)[0]];
    for (const name of names) {
      const { low, high, ...found } = pair.metrics[name] as (typeof pair.metrics)[string];
      if (low !== undefined && high !== undefined) note(`${name}: interval of the difference`, low > 0 || high < 0);
      if (found.p_bootstrap !== null) note(`${name}: paired bootstrap`, found.p_bootstrap < 0.05);
      if (found.p_randomisation !== null) note(`${name}: approximate randomisation`, found.p_randomisation < 0.05);
      if (found.p_student !== null) note(`${name}: t test over seeds and cases`, found.p_student < 0.05);
    }
    if (pair.exact_match !== null)
      note(
        `exact_match: ${groups === undefined ? "exact McNemar" : "exact randomisation of groups"}`,
        pair.exact_match.p < 0.05,
      );
  }
  return Object.fromEntries(alarms);
}

/** A standard normal number (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
