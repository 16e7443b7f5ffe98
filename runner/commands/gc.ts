import { collectSubmissions, liveSubmissions } from "../plugins/executors/slurm/collect.ts";
import { queue } from "../plugins/executors/slurm/slurm.ts";
import { clusterLock, submissionNames } from "../plugins/executors/slurm/submission.ts";
import { Uses } from "../plugins/executors/slurm/uses.ts";
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
    work: flag("Also delete the checkpoints of interrupted and paused steps."),
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
        "old submission": left.submissions,
        "submitted snapshot": left.frozen,
      };
      for (const [what, gone] of Object.entries(kinds)) {
        const bytes = gone.reduce((sum, one) => sum + one.bytes, 0);
        if (gone.length > 0) context.out(`${verb} ${plural(gone.length, what)}: ${inGB(bytes)}\n`);
      }
      return exit.done;
    } finally {
      store.close();
    }
  },
});

/** Collects below the whole artifacts folder; what jobs that wait or run need is kept, and nothing is submitted meanwhile. */
async function collect(
  store: Store,
  context: Context,
  options: { readonly dryRun: boolean; readonly resumable: boolean; readonly maxSize?: number },
) {
  const hasJobs = submissionNames(store.root).length > 0;
  const lock =
    hasJobs && !options.dryRun ? await acquire(clusterLock(store.root), { signal: context.stop }) : undefined;
  try {
    const live = liveSubmissions(store.root, hasJobs ? await askQueue(context) : new Map());
    const uses = new Uses(live, (key) => store.record(key)?.object);
    const stored = gc(store, { ...options, keep: uses.objects });
    const left = collectWork(store, { ...options, keep: uses.keys });
    const cleared = collectSubmissions(store.root, live, { dryRun: options.dryRun, aside: store.trashPath });
    return { ...stored, ...left, ...cleared };
  } finally {
    lock?.release();
  }
}

/** Slurm's queue; undefined, and said, where it does not answer. */
async function askQueue(context: Context): Promise<Awaited<ReturnType<typeof queue>> | undefined> {
  try {
    return await queue();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    context.err(`exp gc: ${error.message}: what jobs that are not done may need is kept\n`);
    return undefined;
  }
}

function inGB(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
