import { views } from "../../data/labels/views.ts";
import type { Task, TaskWords } from "../../plugins/tasks/task.ts";
import { labelCategories } from "./categories.ts";
import { classificationMetrics } from "./class-metrics.ts";
import type { Columns, LabelSpace } from "./counters.ts";
import { labelKeys } from "./label-keys.ts";
import { labelMetrics } from "./label-metrics.ts";
import { pythonReader } from "./python-reader.ts";
import {
  groupsKey,
  lexiconKey,
  type ParsingSettings,
  type ScoringSettings,
  settingsOf,
  synonymsKey,
} from "./settings.ts";
import type { Labels } from "./table.ts";

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
    plain(value, space) {
      const columns = value as Columns;
      const { labels, names } = space as LabelSpace;
      return columns[0] === -1 ? null : Array.from(columns, (column) => labels[column] ?? names[column] ?? "");
    },
    baselines: ["most_frequent", "nearest", "tfidf_svm", "linear", "ensemble"],
    defaults: {
      metrics: isSingle
        ? ["accuracy", "balanced_accuracy", "macro_f1_min5", "macro_f1", "cohen_kappa", "mcc"]
        : ["micro_f1", "macro_f1_min5", "samples_f1", "exact_match", "macro_f1", "jaccard_samples"],
      primary: { metric: isSingle ? "accuracy" : "micro_f1", view: "canonical" },
      baselines: ["tfidf_svm"],
    },
    labels: { isSingle },
    predictionKey: "labels",
    constraints: ["json", "labels"],
    categories: labelCategories,
    instruction(sections) {
      if (isSingle)
        return { labels: "The labels are", form: "Answer with exactly one of the labels and nothing else." };
      const separator = settingsOf(sections).labels.separator;
      const form = `Answer with every label that applies, separated by ${JSON.stringify(separator)}, and nothing else.`;
      return { labels: "The labels are", form: `${form} If no label applies, answer "None".` };
    },
    parsingSettings: (sections) => ({ separator: settingsOf(sections).labels.separator }),
    scoringSettings(sections) {
      const { min_cases, soft_distance } = settingsOf(sections).labels;
      return { min_cases, soft_distance };
    },
    trainingSettings(sections) {
      const { targets, oversample: repeat } = settingsOf(sections);
      return {
        targets: { ...targets },
        oversample: repeat === undefined || repeat.by !== undefined ? null : { ...repeat },
      };
    },
    files(sections) {
      const { synonyms, groups, lexicon } = settingsOf(sections).labels;
      return {
        scoring: {
          ...(synonyms === undefined ? {} : { [synonymsKey]: synonyms }),
          ...(groups === undefined ? {} : { [groupsKey]: groups }),
        },
        analysis: lexicon === undefined ? {} : { [lexiconKey]: lexicon },
      };
    },
    pythonReader: (parsing) =>
      isSingle
        ? { imports: [], lines: ["print(answer.strip())"] }
        : pythonReader((parsing as ParsingSettings).separator),
    async open(parsing, files, scoring) {
      const { openLabels } = await import("./open-labels.ts");
      return openLabels(parsing as ParsingSettings, files, scoring as ScoringSettings | undefined, isSingle);
    },
  };
}
