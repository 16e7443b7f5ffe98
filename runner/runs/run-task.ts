import { readFileSync } from "node:fs";
import { analysisFiles, scoringFiles, taskOf, taskParams } from "../pipeline/steps/task.ts";
import type { OpenTask, Task } from "../plugins/tasks/task.ts";
import { sha256 } from "../util/canonical.ts";
import { fileInside } from "../util/inside.ts";
import { UserError } from "../util/user-error.ts";
import type { FinishedRun } from "./finished-runs.ts";

/** The task of a finished run, with the files of its settings as the project has them now. */
export type RunTask = {
  readonly task: Task;
  readonly open: OpenTask;
  /**
   * The files that scoring reads (synonyms, for label tasks), compared with those of the run: none are named, all are
   * the same, one has changed, or one is missing or invalid. If one is missing, the task is opened without files.
   */
  readonly state: "none" | "same" | "changed" | "gone";
  /** The paths of these files, relative to the project root. */
  readonly files: readonly string[];
  /** Why a file is missing or invalid. */
  readonly problem?: string;
};

/** Opens the task of a run. */
export async function runTask({ manifest }: FinishedRun, root: string): Promise<RunTask> {
  const { config } = manifest;
  const task = taskOf(config);
  const scoring = Object.values(scoringFiles(config));
  const paths = analysisFiles(config);
  const params = taskParams(config);
  const read = (path: string): string => {
    const file = fileInside(root, path);
    if (file === undefined) throw new UserError("file-gone", `${path} is not a file of this project`);
    return readFileSync(file, "utf8");
  };
  try {
    const open = await task.open(
      params.parsing,
      (key) => {
        const path = paths[key];
        return path === undefined ? undefined : { path, text: read(path) };
      },
      params.scoring,
    );
    const isSame = scoring.every((path) => sha256(read(path)) === manifest.provenance.sources[path]);
    return { task, open, state: scoring.length === 0 ? "none" : isSame ? "same" : "changed", files: scoring };
  } catch (error) {
    const open = await task.open(params.parsing, () => undefined, params.scoring);
    const problem = error instanceof UserError ? error.message : "it is missing";
    return { task, open, state: scoring.length === 0 ? "none" : "gone", files: scoring, problem };
  }
}
