import { expect, it } from "vitest";
import { viewOf } from "../../data/labels/views.ts";
import { createRandom, type Random } from "../../util/random.ts";
import { labelMetrics } from "../labels/label-metrics.ts";
import { intern, scoredCases, tabulate } from "../labels/table.ts";
import { bootstrap, jackknife } from "./bootstrap.ts";
import { compareAll } from "./compare.ts";
import { interval } from "./interval.ts";
import { type Packed, pack } from "./packed.ts";

/** A tenth of the studies that a soak simulates. */
const studies = 20 * Number(process.env.EXP_FAULTS ?? 20);
const cases = 236;
const labels = ["a", "b", "c", "d", "e", "f"];
const raw = viewOf("raw");

/**
 * A case of a population with known properties: label k of gold is common or rare, each is found or missed, some are
 * added.
 */
function drawCase(random: Random, answers: number): { gold: string[]; answers: string[][] } {
  const gold = labels.filter((_, k) => random.next() < 0.5 / (1 + 0.4 * k));
  const hard = random.next() < 0.5 ? 0.15 : 0;
  const answer = (): string[] =>
    labels.filter((label) => random.next() < (gold.includes(label) ? 0.8 - hard - hard : 0.06 + hard / 3));
  return { gold, answers: Array.from({ length: answers }, answer) };
}

function tables(random: Random, n: number, answers: number) {
  const rows = Array.from({ length: n }, () => drawCase(random, answers));
  return Array.from({ length: answers }, (_, who) =>
    scoredCases(
      tabulate(
        intern(rows.map(({ gold, answers: all }) => ({ target: gold, prediction: all[who] as string[] }))),
        raw,
        labels,
      ),
    ),
  );
}

it(`of ${studies} simulated studies, 93 to 97 % of 95 % intervals hold the true value`, async () => {
  const names = ["micro_f1", "macro_f1", "samples_f1", "exact_match", "jaccard_samples"];
  const [population] = tables(createRandom(99), 200_000, 1);
  const metrics = names.map((name) => labelMetrics.get(name));
  const packed = (form: typeof population) => pack([form as typeof population & object], metrics)[0] as Packed;
  const truth = packed(population).estimates();
  const random = createRandom(5);
  const held = names.map(() => 0);
  for (let study = 0; study < studies; study++) {
    const [table] = tables(random, cases, 1);
    const own = packed(table);
    const values = own.estimates();
    const [samples] = await bootstrap([own], { resamples: 1000, seed: study });
    const leftOut = jackknife(own);
    names.forEach((_, at) => {
      const { low, high } = interval(samples?.[at] as Float64Array, values[at] as number, leftOut[at] as Float64Array);
      if (low <= (truth[at] as number) && (truth[at] as number) <= high) (held[at] as number) += 1;
    });
  }
  for (const [at, name] of names.entries()) {
    expect((held[at] as number) / studies, name).toBeGreaterThanOrEqual(0.93);
    expect((held[at] as number) / studies, name).toBeLessThanOrEqual(0.97);
  }
});

it(`of ${studies} pairs of answerers that are alike, at most 6 % are told apart at 5 %`, async () => {
  const random = createRandom(6);
  const alarms = { bootstrap: 0, randomisation: 0, samples: 0, mcnemar: 0, interval: 0 };
  for (let study = 0; study < studies; study++) {
    const [a, b] = tables(random, cases, 2) as [ReturnType<typeof tables>[0], ReturnType<typeof tables>[0]];
    const { pairs } = await compareAll(
      [
        { name: "a", seeds: [a as typeof a & object] },
        { name: "b", seeds: [b as typeof b & object] },
      ],
      {
        subject: "a",
        metrics: ["micro_f1", "samples_f1"].map((name) => labelMetrics.get(name)),
        primary: "micro_f1",
        bootstrap: { resamples: 500, seed: study },
      },
    );
    const [pair] = pairs as [(typeof pairs)[0]];
    const { micro_f1, samples_f1 } = pair.metrics as Record<string, (typeof pair.metrics)[string]>;
    if ((micro_f1?.p_bootstrap as number) < 0.05) alarms.bootstrap++;
    if ((micro_f1?.p_randomisation as number) < 0.05) alarms.randomisation++;
    if ((samples_f1?.p_randomisation as number) < 0.05) alarms.samples++;
    if ((micro_f1?.low as number) > 0 || (micro_f1?.high as number) < 0) alarms.interval++;
    if ((pair.exact_match?.p as number) < 0.05) alarms.mcnemar++;
  }

  for (const [test, count] of Object.entries(alarms)) expect(count / studies, test).toBeLessThanOrEqual(0.06);
});
