import type { View } from "../../data/labels/views.ts";
import type { TaskSections } from "../../plugins/tasks/task.ts";

/** Keys of files that the settings of label tasks name. */
export const synonymsKey = "data.labels.synonyms";
export const groupsKey = "data.labels.groups";
export const lexiconKey = "data.labels.lexicon";

/** Settings of label tasks, in the section `data`. */
type Settings = {
  readonly labels: {
    readonly separator: string;
    readonly synonyms?: string;
    readonly groups?: string;
    readonly lexicon?: string;
    readonly min_cases: number;
    readonly soft_distance: number;
  };
  readonly targets: { readonly view: View; readonly order: "as_is" | "alphabetical" | "frequency" };
  /** Groups are labels if `by` is absent; core code repeats rows by a column. */
  readonly oversample?: { readonly by?: string; readonly rare_below: number; readonly max_repeat: number };
};

export type ParsingSettings = { readonly separator: string };
export type ScoringSettings = { readonly min_cases: number; readonly soft_distance?: number };
export type TrainingSettings = Pick<Settings, "targets"> & { readonly oversample: Settings["oversample"] | null };

/** The settings in an experiment. */
export const settingsOf = ({ data }: TaskSections): Settings => data as unknown as Settings;
