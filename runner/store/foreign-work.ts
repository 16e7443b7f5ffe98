import { lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../util/names-in.ts";
import { UserError } from "../util/user-error.ts";

/**
 * Throws UserError `foreign-work` if another user made a work folder or anything in it: a step would resume from answers or
 * checkpoints of that user, and store the result as one of its own. `own` is a path that this process has just made. Its owner
 * is compared, because some file systems give every file another owner than the process.
 */
export function refuseForeignWork(work: string, own: string): void {
  const found = firstOfOthers(work, lstatSync(own).uid);
  if (found === undefined) return;
  throw new UserError("foreign-work", `another user made ${found}, from which this step would resume`, {
    help: `to start from the beginning, delete ${work}. To use it, replace it by a copy that you make with cp -r`,
    status: "refused",
  });
}

function firstOfOthers(path: string, owner: number): string | undefined {
  const stat: Stats | undefined = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.uid !== owner) return path;
  if (!stat.isDirectory()) return undefined;
  for (const name of namesIn(path)) {
    const found = firstOfOthers(join(path, name), owner);
    if (found !== undefined) return found;
  }
  return undefined;
}
