import { lstatSync, type Stats, writeFileSync } from "node:fs";
import { join } from "node:path";
import { namesIn } from "../util/names-in.ts";
import { readOwnFile } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";

/** The file in a work folder that names the key of its step. */
const keyFile = "key";

/** Writes the key of its step into a new work folder. */
export function nameWork(work: string, key: string): void {
  try {
    writeFileSync(join(work, keyFile), key, { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/**
 * Throws UserError `foreign-work` if another user made a work folder or anything in it, or if the folder is that of
 * another key: a step would resume from other answers or checkpoints, and store the result as one of its own. `own` is
 * a path that this process has just made. Its owner is compared, because some file systems give every file another
 * owner than the process.
 */
export function refuseForeignWork(work: string, key: string, own: string): void {
  const found = firstOfOthers(work, lstatSync(own).uid);
  if (found === undefined) {
    const named = keyOfWork(work);
    if (named === undefined || named === key) return;
    throw new UserError("foreign-work", `${work} is the work folder of another step, whose key is ${named}`, {
      help: "delete the folder: the step starts from the beginning",
      status: "refused",
    });
  }
  throw new UserError("foreign-work", `another user made ${found}, from which this step would resume`, {
    help: `to start from the beginning, delete ${work}. To use it, replace it by a copy that you make with cp -r`,
    status: "refused",
  });
}

function keyOfWork(work: string): string | undefined {
  try {
    return readOwnFile(join(work, keyFile));
  } catch {
    return undefined;
  }
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
