import { UserError } from "../util/user-error.ts";

/** The error for a full disk. No partial output is visible, and the step's work folder is kept. */
export function diskFull(path: string): UserError {
  return new UserError("disk-full", `no space left on the disk of ${path}`, {
    help: "free some space (exp gc deletes what no run uses), then run again. Finished work is kept",
  });
}

/** Turns the system's error for a full disk into a UserError. */
export function reportingFullDisk<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isFull(error) ? diskFull(path) : error;
  }
}

/** Whether an error means that a disk or a quota is full. */
export function isFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOSPC" || code === "EDQUOT";
}
