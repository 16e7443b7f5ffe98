import { UserError } from "../util/user-error.ts";

const words: Readonly<Record<string, readonly [what: string, help: string]>> = {
  ENOSPC: ["no space left on the disk of", "free some space, then run again: finished work is kept"],
  EDQUOT: ["the disk quota is used up at", "free some space, then run again: finished work is kept"],
  EROFS: ["the disk is read-only:", "make it writable, or work in a copy of the study"],
  EACCES: ["no permission for", "give this user the right to write there"],
  EPERM: ["no permission for", "give this user the right to write there"],
  ENOTDIR: ["a file stands where a folder is needed:", "move that file away"],
  ENOENT: ["this is gone, or cannot be made:", "was it removed while exp was running, or is its disk read-only?"],
  EXDEV: [
    "the store lies on two disks:",
    "keep artifacts/store/ on one disk: no folder in it may be a link or mount to another",
  ],
  EIO: ["the disk failed at", "check the disk, then run again"],
  EMFILE: ["too many open files at", "raise the limit (ulimit -n)"],
};

/** What an error of the system (a full or read-only disk, no permission) means to the user; undefined for any other error. */
export function systemFailure(error: unknown): UserError | undefined {
  if (!(error instanceof Error) || !("syscall" in error)) return undefined;
  const { code = "", path, dest } = error as NodeJS.ErrnoException & { dest?: string };
  const known = words[code];
  if (known === undefined) return undefined;
  const [what, help] = known;
  const where = path === undefined ? "artifacts" : dest === undefined ? path : `${path} -> ${dest}`;
  return new UserError(code === "ENOSPC" || code === "EDQUOT" ? "disk-full" : "disk", `${what} ${where}`, { help });
}
