import { describe, expect, it } from "vitest";
import { parseGroups } from "../../data/labels/synonyms.ts";
import { viewLabels, viewOf } from "../../data/labels/views.ts";
import type { Answer, AnswerError } from "../../plugins/tasks/category.ts";
import { createRandom } from "../../util/random.ts";
import { labelCategories } from "../labels/categories.ts";
import { groupsOfLabels } from "../labels/open-labels.ts";
import { analyse } from "./analyse.ts";
import { coverageRisk, reliability } from "./calibration.ts";
import { causeChanges } from "./cause-counts.ts";
import { causes } from "./causes.ts";
import { sentenceFinder } from "./sentence.ts";

const basic = viewOf("basic");
const groups = parseGroups({
  path: "g.yaml",
  text: "kidney: [Renal cyst, Kidney stone]\nliver: [Liver cyst, Fatty liver]\n",
});
if (!groups.ok) throw new Error("g.yaml is wrong");

const answer = (id: string, gold: string[], labels: string[], more: Partial<Answer> = {}): Answer => ({
  id,
  gold,
  prediction: labels,
  parsed: true,
  notes: [],
  ...more,
});

const labels = [
  { label: "Renal cyst", count: 90 },
  { label: "Kidney stone", count: 30 },
  { label: "Liver cyst", count: 4 },
  { label: "Fatty liver", count: 3 },
];

/** Each case shows one category; `svm` is right in the first two. */
const tuned = [
  answer("right", ["Renal cyst"], ["renal cyst."], { logprob: -0.1, new_tokens: 3 }),
  answer("swap", ["Renal cyst", "Fatty liver"], ["Kidney stone", "Fatty liver"], { logprob: -2, new_tokens: 4 }),
  answer("unseen", ["Splenomegaly"], ["Renal cyst"]),
  answer("invented", ["Renal cyst"], ["Renal cyst", "Gallstone"]),
  answer("variant", ["Liver cyst"], ["Liver cysts"]),
  answer("blind", ["Renal cyst"], ["No abnormality"]),
  answer("seer", ["No abnormality"], ["Renal cyst"]),
  answer("unread", ["Renal cyst"], [], { parsed: false }),
  answer("cut", ["Renal cyst", "Fatty liver"], ["Renal cyst"], { finish: "length" }),
  answer("again", ["Renal cyst", "Fatty liver"], ["Renal cyst"], { notes: ["repeated"] }),
  answer("prose", ["The kidney is large because the report says so and more"], ["Renal cyst"]),
];
const svm = tuned.map(({ id, gold }, at) => answer(id, gold as string[], at < 2 ? (gold as string[]) : []));
const inputs = new Map(
  tuned.map(({ id }) => [
    id,
    "Heart normal. There is a cyst in the renal cortex. A stone lies in the left ureter.\nThe end.",
  ]),
);
const { analysis, failures } = await analyse({
  arms: [
    { name: "svm", answers: svm, labels },
    { name: "tuned", answers: tuned, labels },
  ],
  inputs,
  training: Array.from({ length: 20 }, () => [
    { input: "The renal cortex holds a cyst. The heart is normal.", gold: ["Renal cyst"] },
    { input: "The liver is bright. The heart is normal.", gold: ["Fatty liver"] },
  ]).flat(),
  view: "basic",
  parts: (value) => viewLabels(value as readonly string[], basic),
  hasLabels: true,
  categories: labelCategories,
  groups: groupsOfLabels(groups.value, undefined),
  baseline: "svm",
  seed: 1,
  examples: 5,
});
const arm = analysis.arms.tuned as NonNullable<(typeof analysis.arms)[string]>;

describe("a wrong case has every category that applies, a right one none", () => {
  const expected: Record<string, string[]> = {
    swap: ["omission", "addition", "substitution_in_group"],
    unseen: ["omission", "addition", "unseen_in_training"],
    invented: ["addition", "out_of_set"],
    variant: ["omission", "addition", "near_variant", "out_of_set"],
    blind: ["omission", "addition", "out_of_set", "false_normal"],
    seer: ["omission", "addition", "unseen_in_training", "missed_normal"],
    unread: ["omission", "false_normal", "parse_failure"],
    cut: ["omission", "truncated"],
    again: ["omission", "repetition"],
    prose: ["omission", "addition", "unseen_in_training"],
  };
  it.each(Object.keys(expected))("%s", (id) => {
    expect(failures.find((one) => one.arm === "tuned" && one.id === id)?.categories).toEqual(expected[id]);
  });
  it("every case of the table is tested", () => {
    expect(failures.filter(({ arm: own }) => own === "tuned").map(({ id }) => id)).toEqual(Object.keys(expected));
    for (const { name, cases } of arm.categories) {
      expect(cases, name).toBe(Object.values(expected).filter((own) => own.includes(name)).length);
    }
  });
});

it("examples are drawn by the seed, quote the sentence that mentions the label, and have the causes of failures.jsonl", () => {
  const omission = arm.categories.find(({ name }) => name === "omission");
  expect(omission?.examples).toHaveLength(5);
  const swap = arm.categories.find(({ name }) => name === "substitution_in_group")?.examples;
  expect(swap).toEqual([
    {
      id: "swap",
      label: "renal cyst",
      sentence: "There is a cyst in the renal cortex.",
      gold: ["renal cyst", "fatty liver"],
      given: ["kidney stone", "fatty liver"],
      wrong_labels: failures.find((one) => one.arm === "tuned" && one.id === "swap")?.causes,
    },
  ]);
  expect(swap?.[0]?.wrong_labels?.map(({ label, kind }) => `${label} ${kind}`)).toEqual([
    "renal cyst omitted",
    "kidney stone added",
  ]);
});

describe("the sentence of a label", () => {
  const training = [
    { input: "The kidneys are normal. The gallbladder holds stones.", labels: ["gallstone"] },
    { input: "The kidneys are normal. Layering foci in the gallbladder.", labels: ["gallstone"] },
    { input: "The kidneys are normal. No gallstone.", labels: [] },
    { input: "Both kidneys have a cyst. The gallbladder is normal.", labels: ["kidney cyst"] },
    { input: "The kidneys are normal. The gallbladder is normal.", labels: [] },
  ];
  const find = sentenceFinder(Array.from({ length: 20 }, () => training).flat());
  it("has the words of the label, or words that training rows with the label have", () => {
    expect(find.quote("The kidneys are normal. A stone and foci layering.", "gallstone")).toBe(
      "A stone and foci layering.",
    );
    expect(find.quote("The kidneys are normal. Layering foci are seen.", "gallstone")).toBe("Layering foci are seen.");
    expect(find.quote("The liver is normal. The left kidney has a cyst.", "kidney cyst")).toBe(
      "The left kidney has a cyst.",
    );
    expect(find.quote("The heart is normal. A hernia of the groin.", "hernia")).toBe("A hernia of the groin.");
  });
  it("is not given if no sentence is likely, or two are", () => {
    expect(find.quote("The kidneys are normal. The gallbladder is normal.", "gallstone")).toBeUndefined();
    expect(find.quote("The heart is normal.", "hernia")).toBeUndefined();
    expect(find.quote("A cyst of the right kidney. A cyst of the left kidney.", "kidney cyst")).toBeUndefined();
  });
  it("is found without spaces between words", () => {
    expect(find.quote("心脏正常。右肾结石。", "肾结石")).toBe("右肾结石。");
  });
});

it("counts what was fixed and broken against the baseline, and exact match where both agree", () => {
  expect(arm.against).toEqual([
    { arm: "svm", both_right: 1, fixed: 0, broken: 1, both_wrong: 9, examples: { fixed: [], broken: ["swap"] } },
  ]);
  expect(arm.agreement).toEqual({
    baseline: "svm",
    agree: { cases: 2, exact_match: 0.5 },
    differ: { cases: 9, exact_match: 0 },
  });
  expect(analysis.arms.svm?.agreement).toBeNull();
});

it("strata add up to all labels and cases", () => {
  const support = tuned.reduce((sum, { gold }) => sum + (gold as string[]).length, 0);
  const { training_frequency, labels_per_case, input_length, normality, group } = arm.strata;
  expect(training_frequency.map(({ name, support: own, hits }) => [name, own, hits])).toEqual(
    [
      ["0", 3, 0],
      ["1-5", 4, 1],
      [">60", 7, 4],
      ["21-60", 0, 0],
    ].sort(
      (a, b) =>
        ["0", "1-5", "6-20", "21-60", ">60"].indexOf(a[0] as string) -
        ["0", "1-5", "6-20", "21-60", ">60"].indexOf(b[0] as string),
    ),
  );
  expect(training_frequency.reduce((sum, one) => sum + one.support, 0)).toBe(support);
  const scored = [
    ...[...training_frequency, ...group].map((one) => [one.f1, one.f1_low, one.f1_high]),
    ...[...labels_per_case, ...input_length, ...normality].map((one) => [one.micro_f1, one.f1_low, one.f1_high]),
  ] as [number, number, number][];
  for (const [value, low, high] of scored) {
    expect(value).toBeGreaterThanOrEqual(low);
    expect(value).toBeLessThanOrEqual(high);
    expect(high).toBeGreaterThan(low);
  }
  for (const strata of [labels_per_case, input_length, normality]) {
    expect(strata.reduce((sum, one) => sum + one.cases, 0)).toBe(tuned.length);
  }
  expect(normality.map(({ name, cases, exact_match }) => [name, cases, exact_match])).toEqual([
    ["normal", 1, 0],
    ["abnormal", 10, 0.1],
  ]);
  expect(group.map(({ name }) => name)).toEqual(["kidney", "liver"]);
});

it("strata of a task without labels have the interval of their primary metric, where it has one", async () => {
  const answers = ["one two", "three four five"].map((text, at) => answer(`case-${at}`, [text], [text]));
  const { analysis: own } = await analyse({
    ...{ arms: [{ name: "tuned", answers, labels: [] }], training: [], categories: [], seed: 1, examples: 1 },
    inputs: new Map(answers.map(({ id, gold }) => [id, String(gold)])),
    ...{ view: "basic", parts: (value) => value as readonly string[], hasLabels: false },
    primary: async ([first]) =>
      first?.id === "case-0" ? { value: 0.5, low: 0.4, high: 0.7 } : { value: 0.6, low: undefined, high: undefined },
  });
  expect(own.arms.tuned?.strata.input_length).toMatchObject([
    { name: "2 words", primary: 0.5, primary_low: 0.4, primary_high: 0.7 },
    { name: "3 words", primary: 0.6 },
  ]);
  expect(own.arms.tuned?.strata.input_length[1]).not.toHaveProperty("primary_low");
});

it("an error that another arm makes for another cause is neither removed nor new", () => {
  const error = (id: string, causes: AnswerError["causes"]): AnswerError => ({
    id,
    kind: "omitted",
    label: "cyst",
    causes,
  });
  const other = [error("a", ["overlooked"]), error("b", ["overlooked"]), error("c", ["overlooked"])];
  const own = [error("a", ["overlooked"]), error("b", ["hedged"]), error("d", ["hedged"])];
  expect(causeChanges("zero_shot", { unit: "label", causes }, other, own)).toEqual([
    { arm: "zero_shot", kind: "omitted", cause: "hedged", removed: 0, kept: 0, new: 1 },
    { arm: "zero_shot", kind: "omitted", cause: "overlooked", removed: 1, kept: 2, new: 0 },
  ]);
});

it("confusions pair what was omitted with what was added", () => {
  expect(arm.confusions.pairs).toContainEqual({ omitted: "renal cyst", added: "kidney stone", count: 1 });
  const { omitted, added, counts } = arm.confusions;
  expect(counts[omitted.indexOf("fatty liver")]?.[added.indexOf("(nothing)")]).toBe(2);
});

it("scores are given with rows whose gold is no list of labels, and without", () => {
  expect(arm.dirty.rows).toEqual(["prose"]);
  expect([arm.dirty.with.cases, arm.dirty.without.cases]).toEqual([11, 10]);
  expect(arm.dirty.without.exact_match).toBeCloseTo(0.1, 12);
});

describe("calibration", () => {
  it("takes the answers that have a log-probability", () => {
    expect(arm.calibration).toMatchObject({ cases: 2, accuracy: 0.5 });
    expect(arm.calibration?.sequence.ece).toBeCloseTo((1 - Math.exp(-0.1) + Math.exp(-2)) / 2, 12);
    expect(arm.calibration?.per_token.auroc).toBe(1);
    expect(analysis.arms.svm?.calibration).toBeNull();
  });
  it("equals a computation by hand", () => {
    const scored = [0.95, 0.92, 0.55, 0.51, 0.05].map((confidence, at) => ({ confidence, exact: at % 2 === 0 }));
    const { ece, ece_calibrated, bins, auroc } = reliability(scored);
    expect(ece_calibrated).toBeGreaterThan(0);
    const gaps = [2 * Math.abs(0.5 - 0.935), 2 * Math.abs(0.5 - 0.53), Math.abs(1 - 0.05)];
    expect(ece).toBeCloseTo(gaps.reduce((sum, gap) => sum + gap) / 5, 12);
    expect(bins.filter(({ cases }) => cases > 0)).toHaveLength(3);
    // Of the six pairs of a right and a wrong answer, three are in order.
    expect(auroc).toBeCloseTo(3 / 6, 12);
  });
});

describe("coverage and risk", () => {
  it("keep the answers of the highest confidences, equal ones together", () => {
    // Confidences 1.0, 0.9, … 0.2, and 0.2 again; the answers of the last three are wrong.
    const scored = Array.from({ length: 10 }, (_, at) => ({
      confidence: at === 9 ? 0.2 : (10 - at) / 10,
      exact: at < 7,
    }));
    const { points, area } = coverageRisk(scored);
    expect(points.map(({ cases, risk }) => [cases, risk])).toEqual([
      ...[1, 2, 3, 4, 5, 6, 7].map((cases) => [cases, 0]),
      [8, 1 / 8],
      [10, 3 / 10],
    ]);
    expect(points.at(-1)).toMatchObject({ coverage: 1, threshold: expect.closeTo(0.2, 12) });
    for (const { risk, low, high } of points) expect(low <= risk && risk <= high && high > low).toBe(true);
    expect(area).toBeCloseTo((1 / 8 + 2 / 9 + 3 / 10) / 10, 12);
  });
  it("with equal confidences have the area of the risk of all, and one point", () => {
    const scored = Array.from({ length: 8 }, (_, at) => ({ confidence: 0.5, exact: at % 2 === 0 }));
    expect(coverageRisk(scored)).toMatchObject({ points: [{ cases: 8, risk: 0.5 }], area: 0.5 });
    expect(coverageRisk([])).toEqual({ points: [], area: 0 });
  });
});

it("the expected calibration error of a calibrated model is near its null value, and both decrease with n", () => {
  const random = createRandom(4);
  const of = (n: number) =>
    reliability(
      Array.from({ length: n }, () => {
        const confidence = random.next();
        return { confidence, exact: random.next() < confidence };
      }),
    );
  const small = Array.from({ length: 200 }, () => of(60));
  const mean = (key: "ece" | "ece_calibrated"): number => small.reduce((sum, one) => sum + one[key] / small.length, 0);
  expect(mean("ece")).toBeGreaterThan(0.1);
  expect(mean("ece")).toBeCloseTo(mean("ece_calibrated"), 2);
  expect(of(20_000).ece_calibrated).toBeLessThan(0.01);
});
