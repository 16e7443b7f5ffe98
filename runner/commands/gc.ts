import { type Act, exit } from "../project/context.ts";
import { openProject } from "../project/project.ts";
import { plural } from "../show/quantity.ts";
import { gc } from "../store/gc.ts";
import { collectLeftovers } from "../store/leftovers.ts";
import { ManifestUnreadable } from "../store/pins.ts";

const units: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** `exp gc`: drops what no run and no running process refers to; records stay, so that keys stay known. */
export const command: Act = async (_args, { maxSize, dryRun, work: resumable, json }, context) => {
  const size = maxSize === undefined ? undefined : parseSize(String(maxSize));
  if (maxSize !== undefined && size === undefined) {
    context.err(`exp gc: --max-size takes a size such as 20GB or 500MB, not "${maxSize}"\n`);
    return exit.invalid;
  }
  const { store } = await openProject(context.cwd, context, dryRun === true ? "read" : "write");
  try {
    const { collected, before, after } = gc(store, {
      dryRun: dryRun === true,
      ...(size === undefined ? {} : { maxSize: size }),
    });
    const { work, snapshots } = collectLeftovers(store, { dryRun: dryRun === true, resumable: resumable === true });
    if (json === true) {
      context.out(`${JSON.stringify({ collected, before, after, work, snapshots }, null, 1)}\n`);
    } else {
      const over = size === undefined ? 0 : after - size;
      if (over > 0) {
        context.err(
          `exp gc: ${inGB(over)} more than ${maxSize} stay: runs and running processes refer to them; to let a run go, remove its folder below artifacts/runs/\n`,
        );
      }
      const verb = dryRun === true ? "would drop" : "dropped";
      context.out(`${verb} ${collected.length} objects: ${inGB(before)} -> ${inGB(after)}\n`);
      for (const [what, left] of Object.entries({ "work folder": work, snapshot: snapshots })) {
        const bytes = left.reduce((sum, one) => sum + one.bytes, 0);
        if (left.length > 0) context.out(`${verb} ${plural(left.length, what)}: ${inGB(bytes)}\n`);
      }
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

function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([KMGT]?)B?$/i.exec(text.trim()) ?? [];
  return number === undefined ? undefined : Number(number) * (units[(unit ?? "").toUpperCase()] as number);
}

function inGB(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
