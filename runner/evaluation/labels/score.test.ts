import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Synonyms, viewOf } from "../../data/labels/views.ts";
import { definitionOf } from "../../plugins/metrics/metric.ts";
import { compareParts } from "../compare-parts.ts";
import { pack, scoresOf } from "../statistics/packed.ts";
import { classMetrics } from "./class-metrics.ts";
import { creditMetrics } from "./credit-metrics.ts";
import { cardinality, labelRows, outOfSet, outOfSetLabel } from "./detail.ts";
import { labelMetrics } from "./label-metrics.ts";
import { groupsOfLabels } from "./open-labels.ts";
import { rankingMetrics } from "./ranking.ts";
import { ceiling, labelScorer, scoreGroups, scoreLabels } from "./score.ts";
import { singleLabel, unreadableLabel } from "./single-label.ts";
import { intern, type LabelCase, tabulate } from "./table.ts";

type Single = {
  gold: string[][];
  pred: string[][];
  accuracy: number;
  macro_f1: number;
  cohen_kappa: number;
  balanced_accuracy: number;
  mcc: number;
  labels: string[];
  confusion: number[][];
};
type Fixture = {
  single: Single[];
  sets: { gold: string[][]; pred: string[][]; expected: Record<string, number> }[];
};
const fixture = JSON.parse(readFileSync(new URL("fixtures/sklearn.json", import.meta.url), "utf8")) as Fixture;
const otherNames = [...creditMetrics, ...rankingMetrics].map(({ name }) => name);
/** The metrics that scikit-learn has, too. */
const metricNames = labelMetrics.names().filter((name) => !otherNames.includes(name));
const casesOf = (gold: readonly string[][], pred: readonly string[][]): LabelCase[] =>
  gold.map((target, row) => ({ target, prediction: pred[row] as string[] }));
const raw = viewOf("raw");

describe("metrics equal scikit-learn's", () => {
  it(`on ${fixture.sets.length} sets of cases, to 1e-9, every metric`, () => {
    expect(fixture.sets.length).toBeGreaterThanOrEqual(200);
    for (const { gold, pred, expected } of fixture.sets) {
      const { raw } = scoreLabels(casesOf(gold, pred));
      expect(Object.keys(expected).sort()).toEqual([...metricNames].sort());
      for (const name of metricNames)
        expect(Math.abs((raw[name] as number) - (expected[name] as number)), name).toBeLessThan(1e-9);
    }
  });
});

describe("one label a case", () => {
  it(`accuracy, balanced accuracy, Cohen's kappa and MCC are scikit-learn's on ${fixture.single.length} sets`, () => {
    for (const { gold, pred, accuracy, balanced_accuracy, cohen_kappa, mcc } of fixture.single) {
      for (const space of [undefined, ["a", "never seen"]]) {
        const scores = scoresOf(labelScorer(casesOf(gold, pred), undefined)("raw", space), classMetrics);
        const expected = { accuracy, balanced_accuracy, cohen_kappa, mcc };
        for (const [name, value] of Object.entries(expected)) expect(scores[name], name).toBeCloseTo(value, 9);
      }
    }
  });
  it(`macro-F1 and the confusion matrix are scikit-learn's on ${fixture.single.length} sets`, () => {
    for (const { gold, pred, accuracy, macro_f1, labels, confusion } of fixture.single) {
      const cases = casesOf(gold, pred);
      const own = singleLabel(cases, raw);
      expect(scoreLabels(cases).raw).toMatchObject({
        exact_match: expect.closeTo(accuracy, 9),
        macro_f1: expect.closeTo(macro_f1, 9),
      });
      const cells = confusion.flatMap((row, from) =>
        row.flatMap((count, to) => (count > 0 ? [{ gold: labels[from], predicted: labels[to], count }] : [])),
      );
      expect(new Set(own.confusion.map((cell) => JSON.stringify(cell)))).toEqual(
        new Set(cells.map((cell) => JSON.stringify(cell))),
      );
    }
  });
  it("two labels of one case are a separate class, and kappa is 0 if all answers and gold labels are one class", () => {
    const scores = (cases: readonly LabelCase[]) => scoresOf(labelScorer(cases, undefined)("raw"), classMetrics);
    const two = casesOf([["a"], ["b"]], [["b", "a"], ["b"]]);
    expect(singleLabel(two, raw).confusion[0]).toEqual({ gold: "a", predicted: "a + b", count: 1 });
    expect(scores(two)).toMatchObject({ accuracy: 0.5 });
    expect(scores(casesOf([["a"]], [["a"]]))).toMatchObject({ accuracy: 1, cohen_kappa: 0 });
    expect(scores([])).toMatchObject({ accuracy: 0, cohen_kappa: 0 });
    expect(singleLabel([], raw)).toEqual({ confusion: [] });
  });
});

describe("views", () => {
  const synonyms: Synonyms = { canonical: (label) => (/kidney/i.test(label) ? "renal cyst" : label.toLowerCase()) };
  it("each has its own sets", () => {
    const views = scoreLabels([{ target: ["Renal cyst"], prediction: ["renal  cyst.", "Kidney cyst"] }], { synonyms });
    expect([views.raw.micro_f1, views.basic.micro_f1, views.canonical.micro_precision]).toEqual([0, 2 / 3, 0.5]);
  });
});

describe("edges", () => {
  it("no cases and no labels give zeros, never NaN; a mean over frequent labels has no value without one", () => {
    const empty = scoreLabels([]).raw;
    const without = ["macro_f1_min5", "group_f1", "hierarchical_f1", "map"];
    expect(Object.entries(empty)).toEqual(
      labelMetrics.names().map((name) => [name, without.includes(name) ? null : 0]),
    );
    const { raw } = scoreLabels([{ target: [], prediction: [" "] }]);
    const right = Object.entries(raw).filter(([, value]) => value !== 0 && value !== null);
    expect(right).toEqual([
      ["samples_f1_empty1", 1],
      ["exact_match", 1],
    ]);
  });
  it("labels named like parts of an object are labels", () =>
    expect(
      scoreLabels([{ target: ["__proto__", "constructor"], prediction: ["__proto__", "constructor"] }]).raw.micro_f1,
    ).toBe(1));
});

describe("a fixed space", () => {
  const cases: LabelCase[] = [
    { target: ["a", "b"], prediction: ["a", "u", "v", "v"] },
    { target: ["c"], prediction: ["c"] },
  ];
  const table = tabulate(intern(cases), raw, ["a", "d"]);
  it("has the vocabulary, gold, and one column for all else", () => {
    expect(table.labels).toEqual(["a", "b", "c", "d"]);
    expect(labelRows(table)).toMatchObject([
      { label: "a", support: 1, predicted: 1, tp: 1, f1: 1 },
      { label: "b", support: 1, predicted: 0 },
      { label: "c", f1: 1 },
      { label: outOfSetLabel, support: 0, predicted: 2, tp: 0 },
      { label: "d", support: 0, predicted: 0 },
    ]);
  });
  it("gives each label an interval of F1 that contains it and has a width, none without a case", () => {
    const rows = labelRows(table);
    // All cases in one group are one unit.
    const wide = labelRows(
      table,
      Array.from({ length: table.n }, () => "one"),
    );
    for (const [at, { f1_low, f1_high }] of rows.entries()) {
      expect(wide[at]?.f1_low ?? 0).toBeLessThanOrEqual(f1_low ?? 0);
      expect(wide[at]?.f1_high ?? 1).toBeGreaterThanOrEqual(f1_high ?? 1);
    }
    const a = rows.find(({ label }) => label === "a");
    // One case of one right: the share has the bounds [0.025, 1].
    expect([a?.f1_low, a?.f1_high]).toEqual([expect.closeTo((2 * 0.025) / 1.025, 9), 1]);
    expect(rows.find(({ label }) => label === "d")).toMatchObject({ f1_low: null, f1_high: null });
    for (const { f1, f1_low, f1_high } of rows.filter(({ f1_low: low }) => low !== null)) {
      expect(f1_low).toBeLessThanOrEqual(f1);
      expect(f1_high).toBeGreaterThanOrEqual(f1);
      expect(f1_high).toBeGreaterThan(f1_low as number);
    }
  });
  it("changes no score", () => {
    const fixed = scoreLabels(cases, { space: ["a", "d"] }).raw;
    const open = scoreLabels(cases).raw;
    for (const name of ["micro_f1", "samples_f1", "jaccard_micro", "exact_match", "macro_f1"] as const)
      expect(fixed[name]).toBe(open[name]);
    expect(fixed).toEqual(open);
    expect(fixed.macro_f1).toBeCloseTo(2 / 3, 12);
  });
  it("counts predictions that training does not have", () =>
    expect(outOfSet(cases, ["a", "c"], raw)).toEqual({ count: 2, predicted: 4, rate: 0.5 }));
  it("counts labels per case", () =>
    expect(cardinality(table)).toEqual({
      gold: { mean: 1.5, histogram: [0, 1, 1] },
      predicted: { mean: 2, histogram: [0, 1, 0, 1] },
    }));
  it("lists the omitted and added labels of a case", () =>
    expect(compareParts(["a", "b"], ["b", "c"])).toEqual({ exact: false, f1: 0.5, omitted: ["a"], added: ["c"] }));
});

describe("labels that gold lacks", () => {
  const perfect: LabelCase[] = ["a", "b"].map((label) => ({ target: [label], prediction: [label] }));
  const names = ["macro_f1", "macro_precision", "macro_recall", "jaccard_macro"] as const;
  it("are not part of macro averages: a perfect predictor scores 1 with any training labels", () => {
    for (const space of [["a", "b"], ["a", "b", "c", "d", "e"], undefined]) {
      const { raw } = scoreLabels(perfect, { space });
      expect(names.map((name) => raw[name])).toEqual([1, 1, 1, 1]);
      expect(raw.hamming_loss).toBe(0);
    }
  });
  it("count in micro averages if they are predicted", () => {
    const { raw } = scoreLabels([...perfect, { target: ["a"], prediction: ["a", "zzz"] }], { space: ["a", "b"] });
    expect([raw.macro_f1, raw.micro_precision]).toEqual([1, 3 / 4]);
  });
  it("keep the Hamming loss at most 1, for any number of them", () => {
    const wild = [{ target: ["a"], prediction: ["u", "v", "w", "x", "y"] }];
    for (const space of [["a"], undefined]) expect(scoreLabels(wild, { space }).raw.hamming_loss).toBe(1);
  });
  it("with fewer gold cases than the study sets are not part of macro_f1_min5", () => {
    const cases = [...perfect, { target: ["a"], prediction: ["a"] }, { target: ["a"], prediction: ["b"] }];
    expect(scoreLabels(cases, { minCases: 2 }).raw.macro_f1_min5).toBeCloseTo(4 / 5, 12);
    expect(scoreLabels(cases).raw.macro_f1_min5).toBeNull();
    expect(definitionOf(labelMetrics.get("macro_f1_min5"), { min_cases: 8 })).toContain("at least 8 gold cases");
  });
});

describe("an answer that could not be read", () => {
  const cases: LabelCase[] = [
    { target: [], prediction: [], parsed: false },
    { target: [], prediction: [], parsed: false },
    { target: ["a"], prediction: [], parsed: false },
  ];
  it("is not correct, also if gold is empty", () => {
    const { raw } = scoreLabels(cases, { space: ["a"] });
    expect([raw.exact_match, raw.samples_f1_empty1]).toEqual([0, 0]);
    expect(labelScorer(cases, undefined)("raw").isCorrect(0)).toBe(false);
    expect(scoreLabels(cases.map((one) => ({ ...one, parsed: true }))).raw).toMatchObject({
      exact_match: 2 / 3,
      samples_f1_empty1: 2 / 3,
      samples_f1: 0,
    });
  });
  it("is a separate class in the confusion matrix", () =>
    expect(singleLabel(cases.slice(2), viewOf("raw")).confusion).toEqual([
      { gold: "a", predicted: unreadableLabel, count: 1 },
    ]));
  it("has no labels", () => expect(cardinality(tabulate(intern(cases), viewOf("raw"))).predicted.mean).toBe(0));
});

describe("ceiling and groups", () => {
  const cases: LabelCase[] = [
    { target: ["Cyst", "rare"], prediction: ["Stone"] },
    { target: ["stone"], prediction: ["stone", "other"] },
  ];
  it("the ceiling is what training labels can reach", () => {
    const views = ceiling(cases, ["cyst", "stone"]);
    expect([views.raw.micro_recall, views.basic.micro_recall, views.basic.micro_precision]).toEqual([1 / 3, 2 / 3, 1]);
  });
  it("a label is scored as its groups", () => {
    const groups = new Map([
      ["cyst", ["Kidney"]],
      ["stone", ["Kidney", "Gallbladder"]],
    ]);
    expect(scoreGroups(cases, groupsOfLabels(groups, undefined))).toMatchObject({
      micro_recall: 3 / 4,
      micro_precision: 3 / 5,
      exact_match: 0,
    });
  });
  it("labels in no group match only if they are the same", () => {
    const groups = groupsOfLabels(new Map([["cyst", ["Kidney"]]]), undefined);
    const wrong = [{ target: ["Spondylosis"], prediction: ["Totally made up"] }];
    expect(scoreGroups(wrong, groups)).toMatchObject({ micro_f1: 0, exact_match: 0 });
    expect(scoreGroups([{ target: ["Spondylosis"], prediction: ["spondylosis"] }], groups).micro_f1).toBe(1);
  });
});

describe("partial credit", () => {
  const groups = groupsOfLabels(
    new Map([
      ["renal cyst", ["Kidney"]],
      ["kidney stone", ["Kidney"]],
      ["gallstone", ["Gallbladder"]],
    ]),
    undefined,
  );
  const score = (target: string[], prediction: string[], softDistance = 0.2) =>
    scoreLabels([{ target, prediction }], { credit: { groupsOf: groups.groupsOf, softDistance } }).basic;

  it("of groups counts a label of the right group, and a label without a group as itself", () => {
    expect(score(["Renal cyst"], ["Kidney stone"]).group_f1).toBe(1);
    expect(score(["Renal cyst", "Ascites"], ["Gallstone", "Ascites"]).group_f1).toBe(1 / 2);
    expect(score(["Ascites"], ["Oedema"]).group_f1).toBe(0);
  });
  it("of the hierarchy counts labels and their groups", () => {
    // Two of a label and its group each; the group is shared.
    expect(score(["Renal cyst"], ["Kidney stone"]).hierarchical_f1).toBe(1 / 2);
    expect(score(["Renal cyst"], ["Gallstone"]).hierarchical_f1).toBe(0);
    // Gold: two labels and one group; prediction: a label and its group.
    expect(score(["Renal cyst", "Kidney stone"], ["Renal cyst"]).hierarchical_f1).toBeCloseTo(4 / 5, 12);
  });
  it("of spelling matches labels one to one, up to the declared distance", () => {
    expect(score(["Renal cyst"], ["Renal cysts"]).soft_f1).toBe(1);
    expect(score(["Renal cyst"], ["Renal cysts"], 0).soft_f1).toBe(0);
    expect(score(["Renal cyst"], ["Liver cyst"]).soft_f1).toBe(0);
    // Beyond the bounds only equal labels match.
    const long = "a".repeat(60_000);
    expect(score([long, "b"], [`${long}x`, "b"]).soft_f1).toBe(0.5);
    const many = (letter: string) => Array.from({ length: 400 }, (_, at) => `${"ab".repeat(60)}${at}${letter}`);
    expect(score(many("x"), many("y")).soft_f1).toBe(0);
    // One gold label credits one prediction only.
    expect(score(["Renal cyst"], ["Renal cysts", "Renal cist"]).soft_f1).toBeCloseTo(2 / 3, 12);
    // The first label fits both predictions, the second only one: both are matched.
    expect(score(["abcdefghij", "abcdefghxy"], ["abcdefghix", "abcdefgzij"]).soft_f1).toBe(1);
  });
  it("does not depend on the view if only case and punctuation differ, and gives nothing to an unread answer", () => {
    const cases = [{ target: ["Renal Cyst"], prediction: ["renal cyst."] }];
    const { raw: written, basic } = scoreLabels(cases, { credit: { softDistance: 0 } });
    expect([written.soft_f1, basic.soft_f1, written.micro_f1]).toEqual([1, 1, 0]);
    expect(scoreLabels([{ target: ["a"], prediction: [], parsed: false }]).raw.soft_f1).toBe(0);
  });
  it("names labels outside the space of each compared arm by its own names", async () => {
    const credit = { softDistance: 0.2 };
    const arm = (prediction: string[]) =>
      labelScorer([{ target: ["renal cyst"], prediction }], undefined, { credit })("raw", ["renal cyst"]);
    const soft = [labelMetrics.get("soft_f1")];
    const forms = [arm(["ascites"]), arm(["renal cysts"])];
    expect(pack(forms, soft).map((packed) => packed.estimates()[0])).toEqual([0, 1]);
  });
});
