import { UserError } from "../util/user-error.ts";

const words: Readonly<Record<string, readonly [what: string, help: string]>> = {
  ENOSPC: ["no space left on the disk of", "free some space and run again: finished work is kept"],
  EDQUOT: ["the disk quota is used up at", "free some space and run again: finished work is kept"],
  EROFS: ["read-only file system:", "make it writable, or work in a copy of the study"],
  EACCES: ["no permission for", "give this user write permission"],
  EPERM: ["no permission for", "give this user write permission"],
  ENOTDIR: ["not a folder:", "move that file away"],
  ENOENT: ["not found, or cannot be created:", "check whether it was removed during the run, or its disk is read-only"],
  EXDEV: ["the store is on two disks:", "keep artifacts/store/ on one disk, without links or mounts to another"],
  EIO: ["the disk failed at", "check the disk, then run again"],
  ELOOP: ["a link leads back to itself:", "remove the link"],
  ENAMETOOLONG: ["the name is too long:", "use a shorter name"],
  ENXIO: ["not a regular file:", "name a regular file"],
  EISDIR: ["a folder, not a file:", "name a file"],
  EMFILE: ["too many open files at", "raise the limit (ulimit -n)"],
};

/**
 * A UserError for an error of the system, such as a full disk or a missing permission. Undefined for any other error.
 */
export function systemFailure(error: unknown): UserError | undefined {
  if (!(error instanceof Error) || !("syscall" in error)) return undefined;
  const { code = "", path, dest } = error as NodeJS.ErrnoException & { dest?: string };
  const known =
    words[code] ??
    (path === undefined ? undefined : [`the system reports ${code} for`, "correct this path, then run again"]);
  if (known === undefined) return undefined;
  const [what, help] = known;
  const where = path === undefined ? "artifacts" : dest === undefined ? path : `${path} -> ${dest}`;
  return new UserError(code === "ENOSPC" || code === "EDQUOT" ? "disk-full" : "disk", `${what} ${where}`, { help });
}
