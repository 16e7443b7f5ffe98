import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AllowedAnswers } from "../data/answers.ts";
import type { Audit } from "../data/audit.ts";
import type { View } from "../data/labels/views.ts";
import type { LabelCount } from "../data/labels.ts";
import type { Required } from "../evaluation/baselines/ensemble.ts";
import type { Band } from "../evaluation/baselines/frequency-thresholds.ts";
import type { Analysis } from "../evaluation/error-analysis/analyse.ts";
import type { JsonDetails } from "../evaluation/json/details.ts";
import type { LabelDetails, Scores } from "../evaluation/labels/score.ts";
import type { Comparison } from "../evaluation/statistics/comparison.ts";
import type { Intervals } from "../evaluation/statistics/intervals.ts";
import type { Difference } from "../evaluation/statistics/pair.ts";
import type { FetchedPart } from "../hub/dataset.ts";
import type { AllowedObjects } from "../plugins/tasks/task.ts";
import type { StoredFile } from "./plan/record.ts";

/**
 * The JSON files that steps write, by name, with their content. Steps and readers share these types through
 * `writeResult` and `readResult`. Python writes model.json, preflight.json, train.json, merge.json and preview.json;
 * TypeScript writes the others.
 */
export type ResultFiles = {
  readonly "model.json": ModelDescription;
  /** The parts of the data that are from the hub, by the key of `data`. */
  readonly "dataset.json": Readonly<Record<string, FetchedPart>>;
  readonly "labels.json": readonly LabelCount[];
  /** null for a task without a constraint. */
  readonly "answers.json": AllowedAnswers | AllowedObjects | null;
  readonly "audit.json": Audit;
  readonly "preflight.json": Preflight;
  readonly "preview.json": Preview;
  readonly "train.json": TrainingReport;
  readonly "merge.json": MergeReport;
  readonly "merge_check.json": MergeCheck;
  readonly "ensemble.json": EnsembleChoice;
  readonly "decision.json": Decision;
  readonly "metrics.json": ArmMetrics;
  readonly "comparison.json": Comparison;
  readonly "analysis.json": Analysis;
};

/** Reads a result file. `place` is the file, or the folder that holds it. The content is trusted: a step wrote it. */
export function readResult<Name extends keyof ResultFiles>(name: Name, place: string): ResultFiles[Name] {
  const file = place.endsWith(name) ? place : join(place, name);
  return JSON.parse(readFileSync(file, "utf8")) as ResultFiles[Name];
}

/** Writes a result file into a folder. */
export function writeResult<Name extends keyof ResultFiles>(
  folder: string,
  name: Name,
  content: ResultFiles[Name],
): void {
  writeFileSync(join(folder, name), `${JSON.stringify(content, null, 1)}\n`);
}

/** A base model and its files. Holds no path of a machine. */
export type ModelDescription = {
  readonly base: string;
  /** The commit on the hub; null for a local folder. */
  readonly revision: string | null;
  /** Path relative to the model's folder -> file. */
  readonly files: Readonly<Record<string, StoredFile>>;
  /** The model's config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly parameters: number;
};

/** What the checks before the first training step counted. */
export type Preflight = {
  readonly rows: number;
  readonly tokens: number;
  /** Tokens of the longest row. */
  readonly longest: number;
  /** Tokens of one epoch that the loss counts. */
  readonly trained_tokens: number;
};

/** How a training went. */
export type TrainingReport = {
  readonly parameters: { readonly total: number; readonly trainable: number };
  readonly loss: readonly { readonly step: number; readonly loss: number }[];
  /** An entry also has the scores of the answers to validation rows, if the training answers them. */
  readonly validation: readonly { readonly step: number; readonly loss: number }[];
  /** Trained steps and epochs. */
  readonly steps?: number;
  readonly epochs?: number;
};

/** How a merged model compares with the base and its adapter. */
export type MergeReport = {
  /** Whether the logits on prompts of the study agree within the tolerance of the number format. */
  readonly equal: boolean;
};

/**
 * Scores of one arm, by the views of its task. An arm that predicts labels or JSON objects has the details of these
 * too.
 */
export type ArmMetrics = {
  readonly n: number;
  /** Number of groups that were resampled in place of cases; absent if cases are independent. */
  readonly case_groups?: number;
  readonly views: Readonly<Record<View, Scores>>;
  /** 95 % intervals over cases, of the metrics that tables show. */
  readonly intervals: Readonly<Record<View, Intervals>>;
  readonly parse_failures: { readonly count: number; readonly rate: number };
  /** Answers that ended at max_new_tokens. */
  readonly truncated: number;
  /** Absent without `evaluate.judge`. */
  readonly judge?: JudgeFacts;
  /**
   * Number of cases of which a text was longer than the embedding model's limit. Absent without `evaluate.embedding`.
   */
  readonly embedding?: { readonly cut: number };
} & Partial<LabelDetails> &
  Partial<JsonDetails>;

/** A value with its 95 % interval, if it has one. */
export type JudgeMeasure = { readonly value: number | null; readonly low?: number; readonly high?: number };

/** What a judge said about the answers of an arm. */
export type JudgeFacts = {
  /** Answers with a score, and answers for which the judge stated none. */
  readonly judged: number;
  readonly failed: number;
  readonly prompt_tokens: number;
  readonly new_tokens: number;
  /** Agreement with people: rated answers, those of them with a score, and measures over these. */
  readonly agreement?: {
    readonly rated: number;
    readonly n: number;
    readonly weighted_kappa: JudgeMeasure;
    readonly equal: JudgeMeasure;
  };
};

/** How an ensemble combines the model with a classifier. Chosen on validation rows. */
export type EnsembleChoice = {
  /** The baseline that is the classifier. */
  readonly classifier: string;
  readonly weight: number;
  /** The part of the model's weight that its answer has. Absent if the model has no scores of labels. */
  readonly named?: number;
  readonly threshold: number;
  readonly view: View;
  readonly validation: {
    readonly n: number;
    readonly micro_f1: number;
    readonly model: number;
    /** The score of each baseline that could be the classifier. */
    readonly classifiers: Readonly<Record<string, number>>;
  };
};

/** How labels are predicted from a model's scores of labels. Chosen on validation rows. */
export type Decision = {
  /** The weight of the answer (1 for a label that it names) against that of the probability of a label. */
  readonly weight: number;
  /** The score above which a label is predicted. */
  readonly threshold: number;
  /**
   * Thresholds by the number of training rows with a label, and that of each label by its name in the view; absent if
   * all labels have the same.
   */
  readonly bands?: readonly Band[];
  readonly thresholds?: Readonly<Record<string, number>>;
  /** Occurrences at which the threshold of a band is halfway between the common one and its own. */
  readonly shrinkage?: number;
  /** Micro-F1 by folds of the rows that chose it, with one threshold and with the best thresholds by frequency. */
  readonly cross_validation?: { readonly common: number; readonly by_frequency: number };
  readonly view: View;
  /** How many labels each case gets at least or at most. */
  readonly required: Required;
  /** Micro-F1 of the decision and of the answers on the rows that chose it. */
  readonly validation: { readonly n: number; readonly micro_f1: number; readonly answer: number };
};

/** What merging an adapter of a 4-bit base into 16-bit weights changes, on validation rows. */
export type MergeCheck = {
  readonly n: number;
  readonly part: "validation";
  readonly view: View;
  readonly metric: string;
  readonly merged_16bit: Measured | undefined;
  readonly adapter_4bit: Measured | undefined;
  /** merged_16bit - adapter_4bit */
  readonly change: Difference | undefined;
};

type Measured = Comparison["arms"][string][string];

/** Training prompts as the model sees them. */
export type Preview = {
  readonly rows: readonly PreviewRow[];
  /** "tokens" or "answers" -> why they are absent. */
  readonly missing: Readonly<Record<string, string>>;
};

type Token = { readonly id: number; readonly token: string };

/** One training row. A field is null if this machine cannot compute it. */
export type PreviewRow = {
  readonly id: string;
  readonly target: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly examples?: readonly string[];
  /** The messages in the model's chat template, up to the start of the answer. */
  readonly text: string | null;
  readonly prompt: readonly Token[] | null;
  /** Number of tokens that the loss leaves out. */
  readonly masked: number | null;
  /** Tokens that the loss counts; null for an arm without training. */
  readonly trained: readonly Token[] | null;
  readonly answer: { readonly text: string; readonly new_tokens: number; readonly finish: string } | null;
};
