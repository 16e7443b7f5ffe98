import type { AllowedAnswers } from "../../data/answers.ts";
import type { Lexicon } from "../../data/labels/lexicon.ts";
import type { View } from "../../data/labels/views.ts";
import type { LabelCount } from "../../data/labels.ts";
import type { Row } from "../../data/rows.ts";
import type { Json } from "../../util/canonical.ts";
import type { Result, SourceText } from "../../util/diagnostic.ts";
import type { Measured, Metric, ScoredCases } from "../metrics/metric.ts";
import type { Registry } from "../registry.ts";
import type { CaseProperty, Category, CauseRules } from "./category.ts";

/** The target cell of a data row: text, or the items of a JSON array. */
export type Cell = string | readonly string[];

/** A model's answer as a prediction. */
export type Parsed<P> = {
  readonly prediction: P;
  /** False if nothing could be read. `prediction` is then the empty prediction of the task. */
  readonly parsed: boolean;
  /** What was odd about the answer: "truncated", "extra-text". */
  readonly notes: readonly string[];
};

/** The targets of a training, from the rows of the training split. */
export type TrainingTargets<T> = {
  /** The training rows, repeated if `data.oversample` requests it by labels. */
  readonly rows: readonly Row<T>[];
  /** The text of a target. */
  write(target: T): string;
  /** Labels of the training rows in the raw view, most frequent first; empty for a task without labels. */
  readonly labels: readonly LabelCount[];
  /** The answers that `generate.constrain` allows; null if the task has no constraint. */
  readonly answers: AllowedAnswers | AllowedObjects | null;
};

/** The valid answers of a task whose answers are JSON objects: its JSON Schema. */
export type AllowedObjects = { readonly schema: { readonly [key: string]: Json } };

/** One scored case. */
export type ScoredCase<T, P> = {
  readonly target: T;
  readonly prediction: P;
  /** False if nothing could be read from the answer: it is never correct. Default: true. */
  readonly parsed?: boolean | undefined;
  /** The group of the case (`data.columns.group`); absent without groups. */
  readonly group?: string | undefined;
  /** Label -> margin, from -1 to 1, for an arm that scores labels. */
  readonly margins?: Readonly<Record<string, number>> | undefined;
} & Measured;

/** Groups of labels that a study defines. */
export type LabelGroups = {
  /** The groups of a label in any view; a label may be in several. */
  groupsOf(label: string): readonly string[];
  /** The labels of a group. */
  labelsIn(group: string): readonly string[];
};

/** Files that an experiment names for its task, by their dotted key: "data.labels.synonyms". */
export type TaskFiles = (key: string) => SourceText | undefined;

/** A task with the settings of one experiment. */
// biome-ignore lint/suspicious/noExplicitAny: core code passes targets and predictions on without looking into them
export interface OpenTask<T = any, P = any> {
  /**
   * Reads a target cell. `text` is the cell as one text. Targets are written to JSON files. `problem` is what is wrong
   * with a cell that the task cannot read, and `help` what to write instead.
   */
  readCell(cell: Cell): {
    readonly text: string;
    readonly target: T;
    readonly problem?: string;
    readonly help?: string;
  };
  /**
   * Reads a target whose parts are in several columns, by their names in `data.columns.targets`. Absent: the target of
   * the task is one column.
   */
  readCells?(cells: Readonly<Record<string, Cell>>): ReturnType<OpenTask<T>["readCell"]>;
  /** Prepares the training split; `training` is the result of {@link Task.trainingSettings}. */
  prepareTraining(train: readonly Row<T>[], training: Json): TrainingTargets<T>;
  /** Reads an answer. `labels` holds the labels of the training rows; `finish` is "length" if the answer was cut. */
  parseAnswer(
    text: string,
    context: { readonly labels: ReadonlySet<string>; readonly finish?: string | undefined },
  ): Parsed<P>;
  /** Joins several sampled answers to one case. Absent: the task has no vote. */
  vote?(answers: readonly Parsed<P>[], minShare: number): Parsed<P>;
  /**
   * Brings cases into the form that metrics score, in one of the task's views. `space` is the training vocabulary that
   * arms share; absent, the space is what the cases themselves hold.
   */
  scorer(cases: readonly ScoredCase<T, P>[]): (view: View, space?: readonly string[]) => ScoredCases;
  /**
   * The parts of a target or prediction in a view, as tables show and compare them: labels, one text, or the values of
   * fields. With `gold`, the target of the case, a part of a prediction that counts as equal to one of gold is that
   * part.
   */
  parts(value: T | P, view: View, gold?: T): readonly string[];
  /** Further statistics of an arm, which metrics.json contains in addition to the scores. */
  details?(cases: readonly ScoredCase<T, P>[], vocabulary: readonly string[]): Readonly<Record<string, unknown>>;
  /**
   * The form of an answer, for the prompt of an untrained model: a schema. Present if the task's instruction has
   * `hasForm`.
   */
  readonly form?: string;
  /** The text between two labels; absent for a task without labels. */
  readonly separator?: string;
  /** Groups of labels; absent without a groups file. */
  readonly groups?: LabelGroups | undefined;
  /** Properties of cases by which the error analysis scores strata. Absent: the task has none of its own. */
  readonly strata?: readonly CaseProperty[];
  /** Rules for the causes of errors, for a task without labels. Absent: the error analysis has no causes. */
  readonly causes?: CauseRules;
  /** Names of a label in the study's files, in addition to its spellings in the training rows. */
  namesOf?(label: string): readonly string[];
  /** The phrases by which texts negate, date and hedge labels; absent without a file for them. */
  readonly lexicon?: Lexicon | undefined;
}

/** The sections of an experiment that a task's settings are in. */
export type TaskSections = { readonly data: Readonly<Record<string, unknown>> };

/** Words for reports and model cards. */
export type TaskWords = {
  /** What a case has, as a sentence. */
  readonly task: string;
  /** What the model gives for an input: "a set of labels from a text". */
  readonly output: string;
  /** Sentences that define the views, for a task with several. Reports of label tasks have their own. */
  readonly views?: string;
};

/**
 * Sentences for an untrained model. `labels` precedes the labels of the training rows, if there are any. The form of
 * the opened task follows the sentence `form` if `hasForm`.
 */
export type Instruction = { readonly labels: string; readonly form: string; readonly hasForm?: true };

/** Python code that reads an answer: the modules that it imports, and its lines. */
export type PythonReader = { readonly imports: readonly string[]; readonly lines: readonly string[] };

/** What a study predicts. An implementation brings everything that depends on the form of the answers. */
// biome-ignore lint/suspicious/noExplicitAny: see OpenTask
export interface Task<T = any, P = any> {
  /** The value of `task`. */
  readonly name: string;
  /** One line for the reference. */
  readonly description: string;
  /** Keys that the task adds to sections of the experiment: section -> key -> JSON Schema. */
  readonly schema: Readonly<Record<string, Readonly<Record<string, object>>>>;
  /** Forms in which targets and predictions are compared. */
  readonly views: readonly View[];
  readonly metrics: Registry<Metric>;
  /** True if a language model may judge the answers (`evaluate.judge`). */
  readonly isJudged?: true;
  /**
   * A target or prediction of {@link ScoredCases} as JSON, for a metric of the study; null for the prediction of an
   * answer that could not be read. `space` is that of the cases. Absent: it is JSON.
   */
  plain?(value: unknown, space: unknown, side: "target" | "prediction"): Json;
  /** Classical baselines that can answer the task. */
  readonly baselines: readonly string[];
  readonly defaults: {
    readonly metrics: readonly string[];
    readonly primary: { readonly metric: string; readonly view: View };
    readonly baselines: readonly string[];
  };
  /**
   * Present if targets and predictions are lists of labels. Stratified splits, the audit of labels, ensembles and the
   * analysis of labels need it. `isSingle`: each case has exactly one label.
   */
  readonly labels?: { readonly isSingle: boolean };
  /** The key by which predictions.jsonl, and a baseline's answers, name the prediction of a case. */
  readonly predictionKey: string;
  /** The values of `generate.constrain` that the task has, in addition to "none". Absent: none. */
  readonly constraints?: readonly string[];
  /**
   * Whether a target can be in several columns (`data.columns.targets`): the opened task has `readCells`. Default: no.
   */
  readonly readsColumns?: boolean;
  /** Ways to be wrong that are particular to the task, in the order in which reports show them. */
  readonly categories: readonly Category[];
  readonly words: TaskWords;
  /**
   * What a template without own instruction lacks for an untrained model: an introduction of the list of labels, and
   * the form of the answer. Absent: nothing is added.
   */
  instruction?(sections: TaskSections): Instruction;
  /** Settings by which targets and answers are parsed. Part of the cache key of each step that parses them. */
  parsingSettings(sections: TaskSections): Json;
  /**
   * Settings by which predictions are scored. Part of the cache keys of steps that score. Absent: the task has none.
   */
  scoringSettings?(sections: TaskSections): Json;
  /** Settings by which training targets are written. Part of the cache key of the data step alone. */
  trainingSettings(sections: TaskSections): Json;
  /**
   * Files that settings name, by dotted key: those that scoring and details read, and those that only the error
   * analysis reads.
   */
  files(sections: TaskSections): {
    readonly scoring: Readonly<Record<string, string>>;
    readonly analysis: Readonly<Record<string, string>>;
  };
  /**
   * Reads files of `files` by their dotted keys, so that `exp check` finds errors in them. Must not load large modules.
   */
  readonly fileParsers?: Readonly<Record<string, (source: SourceText) => Result<unknown>>>;
  /** Dotted keys of `files` that state the form of answers: a model is published with these files. */
  readonly answerForm?: readonly string[];
  /** Dotted keys of settings without which the task cannot be opened. */
  readonly requires?: readonly string[];
  /**
   * `parsing` and `scoring` are results of parsingSettings and scoringSettings; `scoring` is absent in steps that do
   * not score. Import parsers and other large modules here: every command that uses plugins loads the task itself.
   */
  open(parsing: Json, files: TaskFiles, scoring?: Json): Promise<OpenTask<T, P>>;
  /**
   * Settings for a new study with these target cells: keys of the section `data`, and files by their paths in the
   * folder of the experiment. Undefined if the cells are not targets of this task. Absent: the task needs no settings.
   */
  propose?(cells: readonly string[]):
    | {
        readonly data: Readonly<Record<string, Json>>;
        readonly files: Readonly<Record<string, string>>;
        readonly form: string;
      }
    | undefined;
  /** Python code for a model card that reads the text `answer` and prints it. Default: print the text. */
  pythonReader?(parsing: Json): PythonReader;
}
