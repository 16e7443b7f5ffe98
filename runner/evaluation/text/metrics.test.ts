import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { intervalsOf } from "../statistics/intervals.ts";
import { scoresOf } from "../statistics/packed.ts";
import { textMetrics } from "./metrics.ts";
import { textScorer } from "./open-text.ts";

type Pair = { readonly gold: string; readonly pred: string };
const perCase = ["rouge_1", "rouge_2", "rouge_l", "token_f1"] as const;
const overCorpus = ["bleu", "chrf"] as const;
const { cases, corpora } = JSON.parse(readFileSync(join(import.meta.dirname, "fixtures/text.json"), "utf8")) as {
  readonly cases: readonly (Pair & Readonly<Record<(typeof perCase)[number], number>>)[];
  readonly corpora: readonly ({ readonly cases: readonly number[] } & Readonly<
    Record<(typeof overCorpus)[number], number>
  >)[];
};

const scored = (pairs: readonly Pair[]) =>
  textScorer(pairs.map(({ gold, pred }) => ({ target: gold, prediction: pred })))("raw");
const score = (pairs: readonly Pair[]) => scoresOf(scored(pairs), [...textMetrics]);

it("ROUGE and token F1 equal those of rouge-score and SQuAD in each of 200 cases", () => {
  expect(cases).toHaveLength(200);
  for (const one of cases) {
    const values = score([one]);
    for (const name of perCase)
      expect(Math.abs((values[name] as number) - one[name]), `${name} of ${JSON.stringify(one)}`).toBeLessThan(1e-6);
  }
});

it("BLEU and chrF equal those of sacrebleu over 200 cases and over samples of them", () => {
  for (const corpus of corpora) {
    const values = score(corpus.cases.map((at) => cases[at] as Pair));
    for (const name of overCorpus)
      expect(Math.abs((values[name] as number) - corpus[name]), `${name} of ${corpus.cases}`).toBeLessThan(1e-6);
  }
});

it("a mean over cases is the mean of their scores", () => {
  const values = score(cases);
  for (const name of perCase)
    expect(values[name]).toBeCloseTo(cases.reduce((sum, one) => sum + one[name], 0) / cases.length, 9);
});

it("intervals of every metric contain its estimate and have a width", async () => {
  const values = score(cases);
  const [intervals] = await intervalsOf([scored(cases)], [...textMetrics], { resamples: 200, seed: 1 });
  for (const { name } of textMetrics) {
    const { low, high } = (intervals as NonNullable<typeof intervals>)[name] as {
      readonly low: number;
      readonly high: number;
    };
    expect(low, name).toBeLessThan(values[name] as number);
    expect(high, name).toBeGreaterThan(values[name] as number);
  }
});

it("an answer that could not be read is never exact, and has no words", () => {
  const unread = textScorer([{ target: "", prediction: null, parsed: false }])("raw");
  expect(scoresOf(unread, [...textMetrics])).toMatchObject({ exact_match: 0, length_ratio: 0, rouge_l: 0 });
  expect(unread.isCorrect(0)).toBe(false);
});

it("the basic view ignores case, spaces and final punctuation", () => {
  const of = textScorer([{ target: "The pump  failed.", prediction: "the pump failed" }]);
  expect(scoresOf(of("raw"), [...textMetrics])).toMatchObject({ exact_match: 0, rouge_l: 1 });
  expect(scoresOf(of("basic"), [...textMetrics])).toMatchObject({ exact_match: 1, chrf: 1 });
});
