import { allowedAnswers } from "../../data/answers.ts";
import { basicForm } from "../../data/labels/basic.ts";
import { parseAnswer } from "../../data/labels/parse.ts";
import { distinct, splitLabels, writeLabel } from "../../data/labels/split.ts";
import { type Groups, parseGroups, parseSynonyms } from "../../data/labels/synonyms.ts";
import { type Synonyms, type View, viewLabels, viewOf, views } from "../../data/labels/views.ts";
import { voteLabels } from "../../data/labels/vote.ts";
import { labelCounts } from "../../data/labels.ts";
import { studyLabels } from "../../data/study-labels.ts";
import { betweenLabels, oversample, targetWriter } from "../../data/target.ts";
import type {
  LabelGroups,
  OpenTask,
  Parsed,
  Task,
  TaskFiles,
  TaskSections,
  TaskWords,
} from "../../plugins/tasks/task.ts";
import { formatDiagnostic } from "../../util/code-frame.ts";
import type { Result, SourceText } from "../../util/diagnostic.ts";
import { UserError } from "../../util/user-error.ts";
import { labelCategories } from "./categories.ts";
import { classificationMetrics } from "./class-metrics.ts";
import { labelKeys } from "./label-keys.ts";
import { labelMetrics } from "./label-metrics.ts";
import { pythonReader } from "./python-reader.ts";
import { labelDetails, labelScorer } from "./score.ts";
import { defaultMinCases, type Labels } from "./table.ts";

/** Keys of files that the settings of label tasks name. */
const synonymsKey = "data.labels.synonyms";
const groupsKey = "data.labels.groups";

/** Settings of label tasks, in the section `data`. */
type Settings = {
  readonly labels: {
    readonly separator: string;
    readonly synonyms?: string;
    readonly groups?: string;
    readonly min_cases: number;
  };
  readonly targets: { readonly view: View; readonly order: "as_is" | "alphabetical" | "frequency" };
  readonly oversample?: { readonly rare_below: number; readonly max_repeat: number };
};

type ParsingSettings = { readonly separator: string };
type ScoringSettings = { readonly min_cases: number };
type TrainingSettings = Pick<Settings, "targets"> & { readonly oversample: Settings["oversample"] | null };

const settingsOf = ({ data }: TaskSections): Settings => data as unknown as Settings;

/** A task whose answers are labels: exactly one per case if `isSingle`, else a set that may be empty. */
export function labelTask({
  isSingle,
  ...given
}: Pick<Task, "name" | "description"> & { readonly isSingle: boolean; readonly words: TaskWords }): Task<
  Labels,
  Labels
> {
  return {
    ...given,
    schema: { data: labelKeys },
    views,
    metrics: isSingle ? classificationMetrics : labelMetrics,
    baselines: ["tfidf_svm", "most_frequent", "nearest", "ensemble"],
    defaults: {
      metrics: isSingle
        ? ["accuracy", "balanced_accuracy", "macro_f1_min5", "macro_f1", "cohen_kappa", "mcc"]
        : ["micro_f1", "macro_f1_min5", "samples_f1", "exact_match", "macro_f1", "jaccard_samples"],
      primary: { metric: isSingle ? "accuracy" : "micro_f1", view: "canonical" },
      baselines: ["tfidf_svm"],
    },
    labels: { isSingle },
    predictionKey: "labels",
    categories: labelCategories,
    parsingSettings: (sections) => ({ separator: settingsOf(sections).labels.separator }),
    scoringSettings: (sections) => ({ min_cases: settingsOf(sections).labels.min_cases }),
    trainingSettings(sections) {
      const { targets, oversample: repeat } = settingsOf(sections);
      return { targets: { ...targets }, oversample: repeat === undefined ? null : { ...repeat } };
    },
    files(sections) {
      const { synonyms, groups } = settingsOf(sections).labels;
      return {
        scoring: synonyms === undefined ? {} : { [synonymsKey]: synonyms },
        analysis: groups === undefined ? {} : { [groupsKey]: groups },
      };
    },
    pythonReader: (parsing) =>
      isSingle
        ? { imports: [], lines: ["print(answer.strip())"] }
        : pythonReader((parsing as ParsingSettings).separator),
    open: (parsing, files, scoring) =>
      openLabels(parsing as ParsingSettings, files, scoring as ScoringSettings | undefined, isSingle),
  };
}

function openLabels(
  { separator }: ParsingSettings,
  files: TaskFiles,
  scoring: ScoringSettings | undefined,
  isSingle: boolean,
): OpenTask<Labels, Labels> {
  const minCases = scoring?.min_cases ?? defaultMinCases;
  const synonyms = parsed("synonyms", files(synonymsKey), parseSynonyms);
  const groups = parsed("groups", files(groupsKey), parseGroups);
  const labelGroups = groups && groupsOfLabels(groups, synonyms);
  const byView = new Map(views.map((view) => [view, viewOf(view, synonyms)]));
  return {
    readCell: (cell) =>
      typeof cell === "string"
        ? { text: cell, target: splitLabels(cell, isSingle ? "" : separator) }
        : {
            text: cell
              .map((label) => (isSingle ? label : writeLabel(label.trim(), separator)))
              .join(betweenLabels(separator)),
            target: distinct(cell.map((label) => label.trim())),
          },
    prepareTraining(train, training) {
      const { targets, oversample: repeat } = training as unknown as TrainingSettings;
      const of = viewOf(targets.view, synonyms);
      const counts = labelCounts(train, of);
      return {
        rows: repeat ? oversample(train, { ...repeat, of, counts }) : train,
        write: targetWriter({ of, order: targets.order, separator, isSingle, counts }),
        labels: studyLabels(train, isSingle),
        answers: allowedAnswers(train, { of, counts, separator, isSingle }),
      };
    },
    parseAnswer(text, { labels, finish }): Parsed<Labels> {
      const answer = parseAnswer(text, { separator, isSingle, known: labels, finish });
      return { prediction: answer.labels, parsed: answer.parsed, notes: answer.notes };
    },
    vote: (answers, minShare) => {
      const read = answers.map(({ prediction, ...answer }) => ({ ...answer, labels: prediction }));
      const { labels, ...joined } = voteLabels(read, minShare, isSingle);
      return { ...joined, prediction: labels };
    },
    scorer: (cases) => labelScorer(cases, synonyms, minCases),
    parts: (value, view) => viewLabels(value, byView.get(view) as (label: string) => string),
    details: (cases, vocabulary) =>
      labelDetails(cases, { vocabulary, synonyms, groups: labelGroups, minCases, isSingle }),
    separator,
    groups: labelGroups,
  };
}

/** The groups of a label by its basic form, else by that of its canonical form. */
export function groupsOfLabels(groups: Groups, synonyms: Synonyms | undefined): LabelGroups {
  const known = new Map<string, readonly string[]>();
  const members = new Map<string, string[]>();
  for (const [label, own] of groups) {
    for (const group of own) {
      const list = members.get(group) ?? [];
      list.push(label);
      members.set(group, list);
    }
  }
  return {
    groupsOf(label) {
      let own = known.get(label);
      if (own === undefined) {
        own = groups.get(basicForm(label)) ?? groups.get(synonyms?.canonical(label) ?? "") ?? [];
        known.set(label, own);
      }
      return own;
    },
    labelsIn: (group) => members.get(group) ?? [],
  };
}

/** A file of the study, parsed. Throws UserError that shows every error at its place. */
function parsed<T>(
  code: string,
  source: SourceText | undefined,
  parse: (source: SourceText) => Result<T>,
): T | undefined {
  if (source === undefined) return undefined;
  const result = parse(source);
  if (result.ok) return result.value;
  throw new UserError(code, result.diagnostics.map((one) => formatDiagnostic(one)).join("\n"), {
    status: "invalid",
    diagnostics: result.diagnostics,
  });
}
