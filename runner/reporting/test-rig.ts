import { loadText } from "../config/rig.ts";
import { audit } from "../data/audit.ts";
import type { Analysis, ArmAnalysis } from "../evaluation/error-analysis/analyse.ts";
import type { Causes } from "../evaluation/error-analysis/cause-counts.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Ablation } from "../runs/ablation.ts";
import type { RunComparison } from "../runs/compare.ts";
import type { ArmFacts, RunFacts, StepFacts, Study } from "./report/study.ts";

/** A study in memory that uses every feature that reports describe. */
export function fixtureStudy(): Study {
  const trained = trainedRun();
  const replayed = replayedRun(trained);
  return {
    runs: [replayed, trained],
    notes: { title: "A study of kidneys", authors: "Ada Example", discussion: "It *works*.\n" },
  };
}

/** The trained run of the fixture with the arms of a smaller model. */
export function twoModelStudy(): Study {
  const run = fixtureStudy().runs.at(-1) as RunFacts;
  const withModel = (name: string, base: string): Experiment => ({
    ...run.config,
    name,
    model: { ...run.config.model, base },
  });
  const small = withModel("small", "Qwen/Qwen3-4B");
  const renamed = <T>(own: Readonly<Record<string, T>>): Record<string, T> => ({
    ...own,
    "small.zero_shot": own.zero_shot as T,
    "small.tuned": own.tuned as T,
  });
  const comparison = run.comparison as NonNullable<RunFacts["comparison"]>;
  const analysis = run.analysis as NonNullable<RunFacts["analysis"]>;
  const [pair] = comparison.pairs as [(typeof comparison.pairs)[number]];
  const test = { test: "approximate randomisation" as const, p: 0.02, adjusted: 0.06 };
  const two: RunFacts = {
    ...run,
    config: withModel("large", "Qwen/Qwen3-8B"),
    compared: { small },
    arms: [...run.arms, ...["small.zero_shot", "small.tuned"].map((name) => ({ ...run.arms[0], name }) as never)],
    analysis: { ...analysis, arms: renamed(analysis.arms) },
    comparison: {
      ...comparison,
      arms: renamed(comparison.arms),
      pairs: [...comparison.pairs, { ...pair, a: "small.tuned", b: "small.zero_shot" }],
      family: {
        ...comparison.family,
        contrasts: [{ a: "small.tuned", b: "small.zero_shot", of: "training", ...test }],
      },
      interactions: [
        {
          a: { from: "zero_shot", to: "tuned" },
          b: { from: "small.zero_shot", to: "small.tuned" },
          ...{ difference: -0.05, low: -0.1, high: 0.02, method: "bca", detectable: 0.08 },
        },
      ],
    },
  };
  return { runs: [two], notes: {} };
}

const arms = ["zero_shot", "most_frequent", "tuned"];
const trainLabels = [
  { label: "Renal cyst", count: 40 },
  { label: "Fatty liver", count: 12 },
  { label: "Kidney stone", count: 3 },
];
const rows = trainLabels.map(({ label }, at) => ({
  ...{ id: `case-${at + 1}`, input: `Report ${at + 1}. Findings: ${label}.`, answer: label, gold: [label] },
}));

function experiment(text: string): Experiment {
  const loaded = loadText(text, { files: { "/study/experiments/a.jsonl": "" } });
  if (!loaded.ok) throw new Error(loaded.diagnostics[0]?.message);
  return loaded.value.points[0]?.experiment as Experiment;
}

function armFacts(name: string): ArmFacts {
  const scores = { micro_f1: 0.5, macro_f1: 0.4, samples_f1: 0.5, exact_match: 0.25 };
  const label = {
    ...{ label: "renal cyst", support: 4, predicted: 5, tp: 3, precision: 0.6, recall: 0.75, f1: 0.667 },
    ...{ f1_low: 0.361, f1_high: 0.864 },
  };
  return {
    ...{ name, views: { raw: { ...scores, micro_f1: 0.45 }, basic: scores, canonical: scores }, labels: [label] },
    ...{ parseFailures: 1, truncated: 0, object: "0".repeat(64) },
    labelFacts: { outOfSetRate: 0.125, goldCardinality: 1.25, predictedCardinality: 1.125 },
  };
}

const interval = { low: 0.4, high: 0.6, method: "bca" as const, resamples: 200, seed: 1 };

function comparison(): NonNullable<RunFacts["comparison"]> {
  const difference = { ...interval, difference: 0.2, low: 0.1, high: 0.3, p_bootstrap: 0.01, p_randomisation: 0.02 };
  const test = { test: "approximate randomisation" as const, p: 0.02, adjusted: 0.04 };
  return {
    ...{ n: 8, view: "basic" },
    arms: Object.fromEntries(
      arms.map((arm, at) => [
        arm,
        { micro_f1: { ...interval, value: 0.4 + at / 20 }, exact_match: { ...interval, value: 0.5 } },
      ]),
    ),
    pairs: [
      { a: "tuned", b: "zero_shot", metrics: { micro_f1: difference }, exact_match: { only_a: 5, only_b: 1, p: 0.2 } },
      { a: "tuned", b: "most_frequent", metrics: { micro_f1: difference }, exact_match: null },
    ],
    non_inferiority: {
      ...{ reference: "zero_shot", metric: "micro_f1", margin: 0.02 },
      tests: [{ candidate: "tuned", difference: 0.2, low: 0.1, high: 0.3, verdict: "non-inferior" as const }],
    },
    family: {
      ...{ subject: "tuned", metric: "micro_f1", correction: "holm" as const },
      tests: [
        { against: "zero_shot", ...test },
        { against: "most_frequent", ...test, adjusted: 0.4 },
      ],
    },
  } as unknown as NonNullable<RunFacts["comparison"]>;
}

/** Causes of 40 wrong labels, of which the fine-tuned arm corrects most. */
function fixtureCauses(): Causes {
  const sentence = "No kidney stone.";
  const named = { sentence, name: { start: 3, end: 15 } };
  const negated = {
    id: "case-3",
    kind: "added" as const,
    label: "kidney stone",
    ...named,
    trigger: { start: 0, end: 2 },
  };
  const inferred = {
    id: "case-4",
    kind: "omitted" as const,
    label: "kidney stone",
    sentence,
    name: null,
    trigger: null,
  };
  const share = { value: 0.5, low: 0.34, high: 0.66 };
  return {
    ...{ omitted: 20, added: 20 },
    counts: [
      { name: "negated", definition: "A definition", omitted: 0, added: 20, share, example: negated },
      { name: "inferred", definition: "A definition", omitted: 18, added: 0, share, example: inferred },
      { name: "none", definition: "No rule applies", omitted: 2, added: 0, share, example: null },
    ],
    stated: [
      { name: "named", gold: 100, omitted: 10 },
      { name: "hedged", gold: 4, omitted: 1 },
      { name: "inferred", gold: 40, omitted: 20 },
    ],
    against: [
      { arm: "zero_shot", kind: "added", cause: "negated", removed: 18, kept: 2, new: 3 },
      { arm: "zero_shot", kind: "omitted", cause: "inferred", removed: 3, kept: 2, new: 4 },
    ],
  };
}

/** The error analysis of the fixture. */
export function fixtureAnalysis(): Analysis {
  const example = { id: "case-1", label: "kidney stone", sentence: "Findings: kidney stone." };
  const score = { cases: 8, exact_match: 0.25, micro_f1: 0.5 };
  const bin = { from: 0, to: 0.5, cases: 8, confidence: 0.4, accuracy: 0.25 };
  const points = [{ coverage: 0.5, cases: 4, threshold: 0.9, risk: 0.25, low: 0.006, high: 0.806 }];
  const reliability = {
    ...{ bins: [bin], ece: 0.15, ece_calibrated: 0.05, auroc: 0.75 },
    coverage_risk: { points, area: 0.4 },
  };
  const arm = {
    ...score,
    wrong: 6,
    categories: [
      {
        name: "omission",
        definition: "A definition",
        cases: 4,
        examples: [{ ...example, gold: ["kidney stone"], given: [] }],
      },
    ],
    correct: [{ ...example, id: "case-2", gold: ["kidney stone"], given: ["kidney stone"] }],
    causes: fixtureCauses(),
    trained: trainLabels,
    strata: {
      training_frequency: [
        { name: "1-5", support: 4, predicted: 5, recall: 0.75, f1: 0.667, f1_low: 0.4, f1_high: 0.8 },
        { name: "6-20", support: 6, predicted: 6, recall: 0.5, f1: 0.5, f1_low: 0.3, f1_high: 0.7 },
      ],
      group: [],
      labels_per_case: [
        { name: "1", ...score },
        { name: "2", ...score },
      ],
      input_length: [{ name: "80-102 words", ...score }],
      normality: [
        { name: "normal", ...score },
        { name: "abnormal", ...score },
      ],
    },
    confusions: {
      pairs: [{ omitted: "kidney stone", added: "gallstone", cases: 2 }],
      ...{ omitted: ["kidney stone"], added: ["gallstone"], counts: [[2]] },
    },
    against: [{ arm: "zero_shot", both_right: 1, fixed: 1, broken: 1, both_wrong: 5 }],
    agreement: {
      baseline: "most_frequent",
      agree: { cases: 20, exact_match: 0.5 },
      differ: { cases: 4, exact_match: 0.25 },
    },
    calibration: { sequence: reliability, per_token: reliability },
    dirty: { rows: [], with: score, without: score },
  } as unknown as ArmAnalysis;
  return {
    ...{ n: 8, view: "basic", baseline: "most_frequent", zero_shot: "zero_shot", seed: 1 },
    arms: Object.fromEntries(arms.map((name) => [name, arm])),
  } as Analysis;
}

const fixtureNames: Readonly<Record<string, { readonly name: string }>> = {
  zero_shot: { name: "zero-shot" },
  most_frequent: { name: "most frequent" },
  tuned: { name: "QLoRA" },
};

export const fixtureArmName = (arm: string): string => fixtureNames[arm]?.name ?? arm;

/** The comparison of two runs, as `exp compare` has it. */
export function fixtureComparison(): RunComparison {
  const cost = { seconds: 973, peak_memory: 9e9, tokens: { trained: 1200, prompted: 900, generated: 64 } };
  return {
    ...comparison(),
    ...{
      primary: "micro_f1",
      bootstrap: { resamples: 200, seed: 1 },
      labels: 4,
      answerers: fixtureNames,
      test_evaluations: 3,
    },
    runs: [{ experiment: "qlora", run: "0123abcd", cost }],
    notes: ["a note"],
  } as unknown as RunComparison;
}

const step = (kind: string, seconds: number, evidence: StepFacts["evidence"] = {}, files: readonly string[] = []) => ({
  ...{ kind, seconds, object: "a".repeat(64), evidence },
  files: Object.fromEntries(files.map((file) => [file, { sha256: "b".repeat(64), size: 1 }])),
});

function trainedRun(): RunFacts {
  const config = experiment(`extends: base.yaml
name: qlora
description: A fixture
data: {validation: {fraction: 0.1, seed: 13}}
prompt: {zero_shot: prompts/zero-shot.hbs}
train: {method: qlora, backend: torchtune, rank: 16, epochs: 3, keep: {best: loss}}
baselines: [most_frequent]
resources: {price_per_hour: 0.6}
`);
  return {
    ...{ name: "qlora", experiment: "qlora", run: "rank-16-0123abcd", coordinates: "train.rank=16", smoke: false },
    ...{
      created: "2026-01-02T03:04:05Z",
      file: "experiments/qlora.yaml",
      set: ["train.rank=16"],
      config,
      compared: {},
    },
    steps: {
      fetch: step("fetch", 2, {}, ["model.json"]),
      data: step("data", 1, {}, ["train.jsonl", "validation.jsonl", "test.jsonl", "audit.json"]),
      train: step(
        "train",
        900,
        {
          seconds_training: 870,
          peak_memory: 9e9,
          tokens_per_second: 812,
          precision: "bf16",
          trained_tokens: 1200,
          device: "GPU",
        },
        ["train.json"],
      ),
      merge_check: step("merge_check", 3, {
        difference: -0.01,
        low: -0.03,
        high: 0.01,
        metric: "micro_f1",
        cases: 124,
      }),
      "generate.tuned": step("generate", 60, {}, ["responses.jsonl"]),
      "generate.ensemble": step(
        "ensemble",
        1,
        { classifier: "tfidf_svm", weight: 0.6, threshold: 0.5, validation: 124 },
        ["responses.jsonl"],
      ),
      ...Object.fromEntries(
        arms.map((arm) => [`evaluate.${arm}`, step("evaluate", 1, {}, ["metrics.json", "predictions.jsonl"])]),
      ),
      compare: step("compare", 2, {}, ["comparison.json"]),
      analyse: step("analyse", 2, {}, ["failures.jsonl"]),
    },
    arms: arms.map(armFacts),
    comparison: comparison(),
    curves: {
      train: {
        parameters: { total: 8_000_000_000, trainable: 40_000_000 },
        loss: [1, 2, 3].map((at) => ({ step: at, loss: 2 / at })),
        validation: [{ step: 3, loss: 0.8 }],
      },
    },
    ablation: fixtureAblation,
    audit: audit({ train: rows, validation: rows.slice(0, 1), test: rows }),
    analysis: fixtureAnalysis(),
    model: {
      ...{ base: "Qwen/Qwen3-8B", revision: "c".repeat(40), parameters: 8_000_000_000 },
      config: { num_hidden_layers: 36, hidden_size: 4096, num_attention_heads: 32, num_key_value_heads: 8 },
    },
    prompts: {
      tuned: {
        template: "prompts/diagnosis.hbs",
        isInstructed: false,
        messages: [{ role: "user", content: "Report 1." }],
      },
    },
    trainLabels,
    cost: {
      ...{ seconds: 973, peak_memory: 9e9, tokens: { trained: 1200, prompted: 900, generated: 64 }, steps: {} },
      energy: { gpu: 1_267_200, processors: 36_000, steps: 2, of: 3 },
    },
    provenance: {
      ...{ exp: "1.0.0", node: "v20.19.0", os: "Linux", git: { commit: "d".repeat(40), dirty: true } },
      hardware: { cpu: "CPU", cores: 8, memory: 64e9, gpus: [{ name: "GPU", memory: 24e9 }] },
      locks: { torchtune: "e".repeat(64) },
      packages: { torchtune: { torch: "2.0", torchtune: "0.6" } },
      ...{ seeds: {}, sources: {} },
    },
    uploads: [{ repo: "ada/qlora", commit: "f".repeat(40), private: true }],
    testEvaluations: 3,
  };
}

/** A smoke run without training, whose predictions were replayed. */
function replayedRun(other: RunFacts): RunFacts {
  const { comparison: _comparison, ablation: _ablation, analysis: _analysis, model: _model, ...rest } = other;
  return {
    ...rest,
    ...{ name: "replayed", experiment: "replayed", run: "00000001", coordinates: "", smoke: true, set: [] },
    ...{ created: "2026-01-01T03:04:05Z", file: "experiments/replayed.yaml", prompts: {}, curves: {}, uploads: [] },
    config: experiment(
      "extends: base.yaml\nname: replayed\nevaluate: {split: validation}\ndata: {validation: {fraction: 0.1}}\ngenerate: {engine: replay, file: a.jsonl}\n",
    ),
    steps: {
      data: step("data", 1, {}, ["train.jsonl", "audit.json"]),
      "generate.zero_shot": step("generate", 0.1, { replayed: "a.jsonl", made_by: "a colleague" }, ["responses.jsonl"]),
      "evaluate.zero_shot": step("evaluate", 1, {}, ["metrics.json", "predictions.jsonl"]),
    },
    arms: [armFacts("zero_shot")],
    cost: { seconds: 2, peak_memory: 0, tokens: { trained: 0, prompted: 0, generated: 0 }, steps: {} },
    testEvaluations: null,
  };
}

/** A sweep by successive halving with repeated seeds and a selected setting. */
export const fixtureAblation: Ablation = {
  ...{ experiment: "qlora", metric: "micro_f1", view: "basic", rows: "validation", keys: ["train.rank"] },
  settings: [
    {
      ...{ values: { "train.rank": 8 }, value: 0.5, interval: null, sd: 0.02, runs: 2, epochs: 1, seconds: 600 },
    },
    {
      ...{ values: { "train.rank": 16 }, value: 0.7, interval: { low: 0.6, high: 0.8 }, sd: null, runs: 1, epochs: 3 },
      ...{ seconds: null, test: [{ value: 0.69, low: 0.6, high: 0.78 }] },
    },
  ],
  chosen: { metric: "micro_f1", view: "basic", why: "highest validation micro-F1" },
};
