import type { Experiment } from "../../plugins/experiment.ts";
import type { StepContext } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { Instruction, OpenTask, Task, TaskSections } from "../../plugins/tasks/task.ts";
import type { Json } from "../../util/canonical.ts";
import { readRegularFile } from "../../util/regular-file.ts";

/** Settings by which the task of an experiment scores predictions; undefined if the task has none. */
export function scoringOf(experiment: Experiment): Json | undefined {
  return taskOf(experiment).scoringSettings?.(sectionsOf(experiment));
}

/** The parameters of a step that reads targets or predictions. */
export type TaskParams = {
  readonly task: string;
  /** Settings by which the task parses targets and answers. */
  readonly parsing: Json;
  /** Settings by which the task scores predictions; absent in steps that do not score. */
  readonly scoring?: Json;
};

const sectionsOf = ({ data }: Experiment): TaskSections => ({ data: data as unknown as TaskSections["data"] });

/** The task of an experiment. */
export function taskOf({ task }: { readonly task: string }): Task {
  return tasks.get(task);
}

/** The parameters of a step that scores predictions. */
export function taskParams(experiment: Experiment): TaskParams {
  const scoring = scoringOf(experiment);
  return { ...parsingParams(experiment), ...(scoring === undefined ? {} : { scoring }) };
}

/** The parameters of a step that parses targets or answers and does not score them. */
export function parsingParams(experiment: Experiment): TaskParams {
  return { task: experiment.task, parsing: taskOf(experiment).parsingSettings(sectionsOf(experiment)) };
}

/** The sentences that an untrained model gets in addition to a template. */
export function instructionOf(experiment: Experiment): Instruction | undefined {
  return taskOf(experiment).instruction?.(sectionsOf(experiment));
}

/** Settings by which training targets are written. */
export function trainingSettingsOf(experiment: Experiment): Json {
  return taskOf(experiment).trainingSettings(sectionsOf(experiment));
}

/** Sources of a step that scores: files that the task's settings name. */
export function scoringFiles(experiment: Experiment): Readonly<Record<string, string>> {
  return taskOf(experiment).files(sectionsOf(experiment)).scoring;
}

/** Sources of a step that scores and analyses. */
export function analysisFiles(experiment: Experiment): Readonly<Record<string, string>> {
  const { scoring, analysis } = taskOf(experiment).files(sectionsOf(experiment));
  return { ...scoring, ...analysis };
}

/** The task with the settings and files of a step. Throws UserError if a file is invalid. */
export function openTask(params: TaskParams, context: Pick<StepContext, "hasSource" | "source">): Promise<OpenTask> {
  return openTaskWith(params, (key) => (context.hasSource(key) ? context.source(key) : undefined));
}

/** The task with files at the paths that `pathOf` gives by key. */
export function openTaskWith(
  { task, parsing, scoring }: TaskParams,
  pathOf: (key: string) => string | undefined,
): Promise<OpenTask> {
  const read = (key: string) => {
    const path = pathOf(key);
    return path === undefined ? undefined : { path, text: readRegularFile(path, "label file").toString("utf8") };
  };
  return tasks.get(task).open(parsing, read, scoring);
}
