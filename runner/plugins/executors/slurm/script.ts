import { secondsOf } from "../../../util/duration.ts";
import { shellWord } from "../../../util/shell.ts";
import type { JobResources } from "../executor.ts";

/** Seconds between the signal that a job is about to be stopped and its end: the time to save. */
const saving = 60;

/** What a job requests from Slurm. */
export type SlurmRequest = {
  /** Options of sbatch. */
  readonly options: readonly string[];
  /** Shell lines that run before exp. */
  readonly setup: readonly string[];
  /** Maximum number of tasks of the array that run at once. */
  readonly maxJobs: number | undefined;
};

/** `resources.slurm`, as its schema declares it. */
type Settings = {
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  readonly gres?: string;
  readonly setup?: readonly string[];
  readonly extra?: readonly string[];
  readonly time?: string;
  readonly max_jobs?: number;
};

/** The request for a task. */
export function optionsOf({ computes, nodes, gpus, memory, seconds, settings }: JobResources): SlurmRequest {
  const { partition, account, qos, gres, extra = [], setup = [], time, max_jobs } = settings as Settings;
  const limit = time === undefined ? seconds : secondsOf(time);
  const flag = (name: string, value: string | number | undefined): readonly string[] =>
    value === undefined ? [] : [`--${name}=${value}`];
  const devices = gres !== undefined ? flag("gres", gres) : gpus > 0 ? flag("gpus-per-node", gpus) : [];
  return {
    options: [
      ...flag("partition", partition),
      ...flag("account", account),
      ...flag("qos", qos),
      ...flag("time", limit === undefined ? undefined : Math.ceil(limit / 60)),
      ...flag("mem", memory === undefined ? undefined : `${Math.ceil(memory / 2 ** 20)}M`),
      ...(computes ? devices : []),
      ...[`--nodes=${nodes}`, "--requeue", `--signal=B:TERM@${saving}`, "--open-mode=append"],
      // sbatch uses the last of repeated options, so that `extra` overrides the others.
      ...(computes ? extra : extra.filter((option) => !/^--(gres|gpus|nodes)\b/.test(option))),
    ],
    setup,
    maxJobs: max_jobs,
  };
}

/**
 * The script of a job, or of an array with one index for each task. exp replaces the shell (exec), so that it receives
 * Slurm's signals.
 */
export function scriptOf(setup: readonly string[], command: readonly string[], tasks: readonly string[]): string {
  const words = tasks.map(shellWord);
  const task = tasks.length === 1 ? words[0] : `"\${tasks[SLURM_ARRAY_TASK_ID]}"`;
  return [
    "#!/bin/bash",
    ...setup,
    ...(tasks.length === 1 ? [] : [`tasks=(${words.join(" ")})`]),
    `exec ${command.map(shellWord).join(" ")} ${task}`,
    "",
  ].join("\n");
}
