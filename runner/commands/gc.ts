import { collectSubmissions, liveSubmissions } from "../plugins/executors/slurm/collect.ts";
import { queue } from "../plugins/executors/slurm/slurm.ts";
import { clusterLock, submissionNames } from "../plugins/executors/slurm/submission.ts";
import { Uses } from "../plugins/executors/slurm/uses.ts";
import { openStored } from "../project/place.ts";
import { gc } from "../store/gc.ts";
import { collectLeftovers } from "../store/gc-work.ts";
import { acquire } from "../store/lock.ts";
import { ManifestUnreadable } from "../store/manifest-references.ts";
import type { Store } from "../store/store.ts";
import { type Act, type Context, exit } from "../util/context.ts";
import { plural } from "../util/format.ts";
import { UserError } from "../util/user-error.ts";

const units: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** `exp gc`: drops what no run, no running process and no job refers to; records stay, so that keys stay known. */
export const command: Act = async (_args, { maxSize, dryRun, work: resumable, json }, context) => {
  const size = maxSize === undefined ? undefined : parseSize(String(maxSize));
  if (maxSize !== undefined && size === undefined) {
    context.err(`exp gc: --max-size takes a size such as 20GB or 500MB, not "${maxSize}"\n`);
    return exit.invalid;
  }
  const { store } = openStored(context.cwd, context, dryRun === true ? "read" : "write");
  try {
    const { collected, before, after, ...left } = await collect(store, context, {
      dryRun: dryRun === true,
      resumable: resumable === true,
      ...(size === undefined ? {} : { maxSize: size }),
    });
    if (json === true) {
      context.out(`${JSON.stringify({ collected, before, after, ...left }, null, 1)}\n`);
      return exit.done;
    }
    const over = size === undefined ? 0 : after - size;
    if (over > 0) {
      context.err(
        `exp gc: ${inGB(over)} more than ${maxSize} stay: runs, jobs and running processes refer to them; to let a run go, remove its folder below artifacts/runs/\n`,
      );
    }
    const verb = dryRun === true ? "would drop" : "dropped";
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
  } catch (error) {
    if (!(error instanceof ManifestUnreadable)) throw error;
    context.err(`exp gc: ${error.message}\n`);
    return exit.failed;
  } finally {
    store.close();
  }
};

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
    const uses = new Uses(live, (key) => store.peek(key)?.object);
    const stored = gc(store, { ...options, keep: uses.objects });
    const left = collectLeftovers(store, { ...options, keep: uses.keys });
    const cleared = collectSubmissions(store.root, live, { dryRun: options.dryRun, aside: store.aside });
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

function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([KMGT]?)B?$/i.exec(text.trim()) ?? [];
  return number === undefined ? undefined : Number(number) * (units[(unit ?? "").toUpperCase()] as number);
}

function inGB(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
