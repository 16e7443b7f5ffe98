import { collectSubmissions, liveSubmissions } from "../orchestration/jobs/collect-submissions.ts";
import { jobSystemOf } from "../orchestration/jobs/find-tasks.ts";
import { RecordedKeys } from "../orchestration/jobs/recorded-keys.ts";
import { listSubmissions, submissionNames, submissionsLock } from "../orchestration/jobs/submission.ts";
import type { QueuedJob } from "../plugins/executors/executor.ts";
import { openStored } from "../project/place.ts";
import { gc } from "../store/gc.ts";
import { collectWork } from "../store/gc-work.ts";
import { acquire } from "../store/lock.ts";
import type { Store } from "../store/store.ts";
import { type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, flag, size } from "./command.ts";
import { json } from "./common-options.ts";

export const command = defineCommand({
  arguments: {},
  options: {
    work: flag(
      "Also delete the checkpoints of interrupted and paused steps, and the rows and answers of interrupted predictions.",
    ),
    maxSize: size("size", "Delete least recently used objects until at most this much is left, as in 20GB."),
    dryRun: flag("Print what would be deleted."),
    json,
  },
  async run({ work, maxSize, dryRun, json }, context) {
    const { store } = openStored(context.cwd, context, dryRun ? "read" : "write");
    try {
      const { collected, before, after, ...left } = await collect(store, context, {
        dryRun,
        resumable: work,
        ...(maxSize === undefined ? {} : { maxSize }),
      });
      if (json) {
        context.out(`${JSON.stringify({ collected, before, after, ...left }, null, 1)}\n`);
        return exit.done;
      }
      const over = maxSize === undefined ? 0 : after - maxSize;
      if (over > 0) {
        context.err(
          `exp gc: ${inGB(over)} more than --max-size are kept: runs, jobs and running processes refer to them. ` +
            "To delete a run, remove its folder below artifacts/runs/\n",
        );
      }
      const verb = dryRun ? "would delete" : "deleted";
      context.out(`${verb} ${collected.length} objects: ${inGB(before)} -> ${inGB(after)}\n`);
      const kinds = {
        "work folder": left.work,
        snapshot: left.snapshots,
        "interrupted prediction": left.predictions,
        "old submission": left.submissions,
        "submitted snapshot": left.copies,
      };
      for (const [what, deleted] of Object.entries(kinds)) {
        const bytes = deleted.reduce((sum, one) => sum + one.bytes, 0);
        if (deleted.length > 0) context.out(`${verb} ${plural(deleted.length, what)}: ${inGB(bytes)}\n`);
      }
      return exit.done;
    } finally {
      store.close();
    }
  },
});

/** Collects the whole artifacts folder. Keeps what unfinished jobs need, and excludes submissions meanwhile. */
async function collect(
  store: Store,
  context: Context,
  options: { readonly dryRun: boolean; readonly resumable: boolean; readonly maxSize?: number },
) {
  const mayHaveJobs = submissionNames(store.root).length > 0;
  const lock =
    mayHaveJobs && !options.dryRun ? await acquire(submissionsLock(store.root), { signal: context.stop }) : undefined;
  try {
    const queues = await queuesBelow(store.root, context);
    const live = liveSubmissions(store.root, (executor) => queues.get(executor));
    const needed = new RecordedKeys(live, (key) => store.record(key)?.object);
    const stored = gc(store, { ...options, keep: needed.objects });
    const left = collectWork(store, { ...options, keep: needed.keys });
    const collected = collectSubmissions(store.root, live, { dryRun: options.dryRun, aside: store.trashPath });
    return { ...stored, ...left, ...collected };
  } finally {
    lock?.release();
  }
}

/**
 * The queue of each executor that has submissions. Prints a warning for one that does not answer, which is left out.
 */
async function queuesBelow(
  artifacts: string,
  context: Context,
): Promise<ReadonlyMap<string, ReadonlyMap<string, QueuedJob>>> {
  const queues = new Map<string, ReadonlyMap<string, QueuedJob>>();
  for (const executor of new Set(listSubmissions(artifacts).map(({ submission }) => submission.executor))) {
    try {
      queues.set(executor, await (await jobSystemOf(executor)).queue());
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.err(`exp gc: ${error.message}: what unfinished jobs may need is kept\n`);
    }
  }
  return queues;
}

function inGB(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
