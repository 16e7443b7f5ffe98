import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { LoadedExperiment } from "../../../config/loaded.ts";
import type { Assessed } from "../../../execution/assess.ts";
import type { PlannedRun, PlannedStep } from "../../../pipeline/plan/plan.ts";
import type { DraftedPoint } from "../../../pipeline/sweep/choice.ts";
import type { Planned } from "../../../pipeline/sweep/planned.ts";
import type { Project } from "../../../project/project.ts";
import { readManifest } from "../../../runs/manifest.ts";
import { acquire } from "../../../store/lock.ts";
import { canonicalJson, sha256 } from "../../../util/canonical.ts";
import type { Context } from "../../../util/context.ts";
import { plural } from "../../../util/format.ts";
import { freeze } from "./freeze.ts";
import { type After, type Group, JobSubmitter } from "./job-submitter.ts";
import { type Asked, arraySize, askedLast, askedOf } from "./script.ts";
import { queue } from "./slurm.ts";
import {
  clusterLock,
  type FrozenOptions,
  lastRun,
  listSubmissions,
  rungPlaceOf,
  rungPrefix,
  runName,
  type SubmissionAt,
  type SubmittedRun,
  writeSubmission,
} from "./submission.ts";
import { isLive, tasksOf } from "./tasks.ts";
import { keysNoted, noteKeys } from "./uses.ts";

/** What is submitted, and what is known of it. */
export type Work = Planned & {
  readonly loaded: readonly LoadedExperiment[];
  readonly expected: ReadonlyMap<PlannedStep, Assessed>;
  readonly options: FrozenOptions;
  readonly project: Project;
  readonly json: boolean;
  readonly quiet: boolean;
};

/** What became of each run of a submission, and whether a job that comes after all of them is still to be submitted. */
type Sorted = {
  readonly missing: readonly number[];
  readonly live: readonly string[];
  readonly done: number;
  readonly needsLast: boolean;
};

/**
 * Gives Slurm a job for each run that is neither finished nor in its hands already, and one that compares and reports when
 * they are done. Freezes the plan first; nothing of this process stays. Throws UserError.
 */
export async function submit(work: Work, context: Context): Promise<void> {
  const { plan, project, options, loaded } = work;
  const lock = await acquire(clusterLock(project.artifacts), { signal: context.stop });
  try {
    const runs = plan.runs.map((run) => identified(run, options));
    const sorted = await sortOut(work, runs);
    const { missing, live, done, needsLast } = sorted;
    if (missing.length === 0 && !needsLast) {
      say(work, context, { submission: null, jobs: [], last: null, missing: 0, live: live.length, done });
      return;
    }
    const created = new Date().toISOString();
    const id = `${created.slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-")}-${randomBytes(2).toString("hex")}`;
    const file = writeSubmission(project.artifacts, {
      ...{ schema: 1, id, exp: context.version(), created, root: project.root },
      ...freeze(work.whole, loaded, { artifacts: project.artifacts, packageRoot: context.packageRoot }),
      ...{ loaded, options, runs },
    });
    noteAll(file, work, runs, missing);
    const jobs = new JobSubmitter(file, { id, root: project.root }, [
      process.execPath,
      join(context.packageRoot, "dist/cli.js"),
    ]);
    for (const group of grouped(missing, work)) {
      await jobs.array(group, nameOf(group.numbers.flatMap((number) => runs[number] ?? [])), {
        jobs: [],
        isWhole: true,
      });
    }
    const last = needsLast ? await submitRest(jobs, live, work) : null;
    const { arrays } = jobs;
    say(work, context, { submission: id, jobs: arrays, last, missing: missing.length, live: live.length, done });
  } finally {
    lock.release();
  }
}

/** Notes what the jobs need of the store, so that a gc leaves it alone until they have begun. */
function noteAll(file: string, { expected, project }: Work, runs: readonly SubmittedRun[], missing: readonly number[]) {
  const note = noteKeys(file, "submitted");
  for (const { status, key } of expected.values()) if (status === "cached" && key !== null) note(key);
  // This machine may know a step by another key than a node does: what earlier jobs of these runs have begun counts too.
  const again = new Set(missing.map((number) => runs[number]?.id));
  const all = new Set(runs.map(({ id }) => id));
  for (const { folder, submission, jobs } of listSubmissions(project.artifacts)) {
    const isKin = submission.runs.some(({ id }) => all.has(id));
    for (const run of Object.keys(jobs.tasks)) {
      const counts = rungPlaceOf(run) === undefined ? again.has(submission.runs[Number(run)]?.id) : isKin;
      if (counts) for (const key of keysNoted(folder, run)) note(key);
    }
  }
}

/** Submits what comes after the runs that are known: the further rungs of sweeps by halving, each after the one before, and the last job. */
async function submitRest(jobs: JobSubmitter, live: readonly string[], work: Work): Promise<string> {
  const isWhole = !work.options.keepGoing;
  const name = nameOf(work.plan.runs);
  let after: After = { jobs: [...jobs.arrays, ...live], isWhole };
  for (const { rung, runs } of furtherRungs(work.loaded)) {
    const numbers = Array.from({ length: runs }, (_, number) => number);
    const arrays: string[] = [];
    for (const group of grouped(numbers, work, () => 0)) {
      arrays.push(await jobs.array(group, name, after, rungPrefix(rung)));
    }
    // What failed on a rung is not tried again by every job of the next.
    after = { jobs: arrays, isWhole: true };
  }
  const asked = askedLast(askedBy(0, work), work.choices.length > 0);
  return jobs.last(asked, { jobs: [...jobs.arrays, ...live], isWhole });
}

/** The rungs after the first of the sweeps by halving, and how many runs come so far: settings that are left times their seeds. */
function furtherRungs(
  loaded: readonly LoadedExperiment[],
): readonly { readonly rung: number; readonly runs: number }[] {
  const counts = new Map<number, number>();
  for (const points of loaded.flatMap(({ rungs = [] }) => rungs)) {
    const rung = points[0]?.rung;
    if (rung === undefined) continue;
    const seeds = points.length / new Set(points.map(({ setting }) => setting)).size;
    counts.set(rung.number, (counts.get(rung.number) ?? 0) + rung.settings * seeds);
  }
  return [...counts].map(([rung, runs]) => ({ rung, runs })).sort((a, b) => a.rung - b.rung);
}

/** What a run's job asks for. */
function askedBy(number: number, { plan, points }: Work): Asked {
  const run = plan.runs[number] as PlannedRun;
  const { experiment } = points.get(run) as DraftedPoint;
  return askedOf(experiment, Math.max(0, ...[...run.steps.values()].map(({ draft }) => draft.needs.gpus)));
}

function grouped(
  numbers: readonly number[],
  work: Work,
  /** The run of the plan that asks for each. */
  askerOf = (number: number): number => number,
): readonly Group[] {
  const groups = new Map<string, { asked: Asked; numbers: number[]; from: number; atOnce: number | undefined }>();
  for (const number of numbers) {
    const asked = askedBy(askerOf(number), work);
    const from = Math.floor(number / arraySize) * arraySize;
    const { experiment } = work.points.get(work.plan.runs[askerOf(number)] as PlannedRun) as DraftedPoint;
    const atOnce = experiment.resources.slurm?.max_jobs;
    const name = JSON.stringify([asked, from, atOnce]);
    const group = groups.get(name) ?? { asked, numbers: [], from, atOnce };
    group.numbers.push(number);
    groups.set(name, group);
  }
  return [...groups.values()];
}

/** Which runs are done, which are in Slurm's hands, and which are neither. */
async function sortOut({ plan, expected, project, options }: Work, runs: readonly SubmittedRun[]): Promise<Sorted> {
  const waiting = await queue();
  const before = listSubmissions(project.artifacts);
  const tasks = before.flatMap((one) => tasksOf(one, waiting));
  const missing: number[] = [];
  const live: string[] = [];
  let done = 0;
  for (const [number, run] of plan.runs.entries()) {
    const own = tasks.filter(({ id }) => id === runs[number]?.id);
    const queued = own.find(isLive);
    if ([...run.steps.values()].every((step) => expected.get(step)?.status === "cached")) done += 1;
    else if (queued !== undefined) live.push(queued.job);
    else if (own.some(({ result }) => result?.status === "done" && isWhole(result.manifest, project))) done += 1;
    else missing.push(number);
  }
  const isLone = plan.runs.length === 1 || options.until !== undefined;
  const isCompared = (one: SubmissionAt): boolean =>
    runs.every(({ id }) => one.submission.runs.some((run) => run.id === id)) &&
    tasksOf(one, waiting).some((task) => task.run === lastRun && (isLive(task) || task.state === "done"));
  return { missing, live, done, needsLast: !isLone && (missing.length > 0 || !before.some(isCompared)) };
}

/** Whether a run that a job has sealed is all there: this machine may know its steps by other keys than the job's does. */
function isWhole(manifest: string | undefined, { store }: Project): boolean {
  if (manifest === undefined || !existsSync(manifest)) return false;
  const { steps } = readManifest(manifest);
  return Object.values(steps).every(({ object }) => existsSync(store.objectDir(object)));
}

function identified(run: PlannedRun, { until, acceptStale }: FrozenOptions): SubmittedRun {
  const { experiment, coordinates } = run;
  const steps = [...run.steps.values()].map(({ stepId }) => stepId).sort();
  const id = sha256(canonicalJson({ experiment, coordinates, steps, until: until ?? null, acceptStale })).slice(0, 16);
  return { experiment, coordinates, id };
}

function nameOf(runs: readonly { readonly experiment: string }[]): string {
  return `${[...new Set(runs.map(({ experiment }) => experiment))].join("+")}`;
}

type Said = {
  readonly submission: string | null;
  readonly jobs: readonly string[];
  readonly last: string | null;
  readonly missing: number;
  readonly live: number;
  readonly done: number;
};

function say({ plan, json, quiet }: Work, context: Context, said: Said): void {
  if (json) {
    context.out(`${JSON.stringify({ type: "submitted", ...said })}\n`);
    return;
  }
  if (quiet) return;
  const { missing, live, done, jobs, last, submission } = said;
  const counts = Object.entries({ done, "queued or running": live, submitted: missing });
  const shown = counts.filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`);
  context.out(`${plural(plan.runs.length, "run")}: ${shown.join(", ")}\n`);
  if (submission === null) return;
  if (jobs.length > 0) context.out(`${plural(jobs.length, "job array")}: ${jobs.join(", ")}\n`);
  if (last !== null) context.out(`job ${last} compares and reports when they are done\n`);
  const experiment = runName({ experiment: plan.runs[0]?.experiment ?? "", coordinates: "" });
  context.out(`exp status ${experiment}, exp logs -f ${experiment}, exp cancel ${experiment}\n`);
}
