/** Where the steps of a run are executed: `resources.executor` and `--executor` name it. */
export type Executor = {
  readonly name: string;
  /** For help and the reference: "in this process, on this machine". */
  readonly description: string;
  /**
   * JSON Schema of `resources.<name>`, the executor's own keys. Absent: it has none. A property `nodes` is the number
   * of nodes that train together; core passes it to the training step.
   */
  readonly schema?: SettingsSchema;
  /**
   * Own keys that make exp reach outside the study: addresses, names of variables, shell lines. A study from somewhere else may
   * set them only with the user's permission, and the message shows their values.
   */
  readonly needsTrust?: readonly string[];
  /** Loads the job system that runs are submitted to. Absent: steps run in the process of `exp run`. */
  jobSystem?(): Promise<JobSystem>;
  /** Environment variables of a job that Python steps need too, such as those of a launcher. */
  readonly variables?: RegExp;
  /**
   * Cores and memory in bytes that a job may use, from its environment variables. Not every site enforces them
   * otherwise.
   */
  limits?(env: Readonly<Record<string, string | undefined>>): JobLimits;
};

/** Undefined: unlimited, or this process is in no job. */
export type JobLimits = { readonly cores: number | undefined; readonly memory: number | undefined };

type SettingsSchema = {
  readonly type: "object";
  readonly additionalProperties: false;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly description: string;
  readonly examples?: readonly unknown[];
};

/**
 * A batch system, or anything else that runs commands elsewhere. Its machines must see the project, the exp package and
 * the Python environments at the same paths. Core freezes the plan, decides what is submitted, and reads how each task
 * ended; the job system only starts commands and reports what it knows about them. Every method throws UserError if the
 * system does not answer.
 */
export type JobSystem = {
  /**
   * Submits tasks that may run at the same time; each runs `[...batch.command, task.name]`. Calls `accepted` as soon as
   * the system has accepted some of them, so that an interruption loses none. Resolves to ids that `batch.after` of a
   * later batch can name.
   */
  submit(batch: JobBatch, accepted: (jobs: AcceptedJobs) => void): Promise<readonly string[]>;
  /** The user's unfinished jobs, by id. */
  queue(): Promise<ReadonlyMap<string, QueuedJob>>;
  /** What the system still records about jobs that left the queue, by id. A job that it has forgotten is absent. */
  ended(jobs: readonly string[]): Promise<ReadonlyMap<string, EndedJob>>;
  /** Removes jobs from the queue. A running one receives SIGTERM first, and time to save. */
  cancel(jobs: readonly string[]): Promise<void>;
  /** The file with the output of a job, over all its starts. `folder` is the batch's `logs`. */
  logFile(folder: string, job: string): string;
  /** The job that this process runs in. */
  current(env: Readonly<Record<string, string | undefined>>): CurrentJob;
  /**
   * Called by a job that was stopped before its task was done. Requeues it if the system stopped it (time limit,
   * preemption), not if a person cancelled it. Resolves to whether the job will start again.
   */
  requeue(job: string): Promise<boolean>;
};

/** Tasks that are submitted together. */
export type JobBatch = {
  /** Unique within the submission: "runs", "rung-2". */
  readonly name: string;
  readonly tasks: readonly JobTask[];
  readonly command: readonly string[];
  /** The tasks start once these jobs have ended; with `success`, only if all of them succeeded. */
  readonly after: { readonly jobs: readonly string[]; readonly success: boolean };
  /**
   * Names the submission in the system's own records, so that a job is recognised even if `accepted` was never called.
   */
  readonly submission: string;
  /** Folder for the files of the submission, such as job scripts. */
  readonly folder: string;
  /** Folder for the jobs' output. */
  readonly logs: string;
  /** Working directory of the command. */
  readonly cwd: string;
};

export type JobTask = {
  /** "0", "rung-2.0", "last": the last argument of the command. */
  readonly name: string;
  /** The experiment that it belongs to, for the system's own listings. */
  readonly experiment: string;
  readonly resources: JobResources;
};

/** What a task needs. Tasks with equal resources may share one job array. */
export type JobResources = {
  /** False: the task trains nothing and answers nothing, so that it needs neither GPUs nor several nodes. */
  readonly computes: boolean;
  /** Nodes that train together. */
  readonly nodes: number;
  /** GPUs of each node. */
  readonly gpus: number;
  /** Main memory of each node in bytes. Absent: the system's default. */
  readonly memory?: number;
  /** Time limit in seconds. Absent: the system's default. */
  readonly seconds?: number;
  /** `resources.<executor>` of the experiment, with defaults. */
  readonly settings: Readonly<Record<string, unknown>>;
};

/** Task name -> job id. */
export type AcceptedJobs = Readonly<Record<string, string>>;

/** A job that has not ended. */
export type QueuedJob = {
  readonly state: "queued" | "running";
  readonly node: string;
  /** How long it has run since its last start, as the system writes it: "5:06". Empty while it is queued. */
  readonly elapsed: string;
  /** Why a queued job waits: the system's own code, and an explanation for people. */
  readonly reason: string;
  readonly explanation: string;
  /** The submission that it belongs to. Undefined for a job of another program. */
  readonly submission: string | undefined;
};

/** How a job ended, from the system's records. `detail` is for people: "out of memory". */
export type EndedJob = { readonly cancelled: boolean; readonly detail: string };

/** The job that a process runs in. `restarts` counts how often the system had started it before. */
export type CurrentJob = { readonly id: string; readonly node: string; readonly restarts: number };
