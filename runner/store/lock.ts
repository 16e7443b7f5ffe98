import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openOwnFile } from "../util/regular-file.ts";
import { livenessOf, type ProcessIdentity, parseProcess, thisProcess } from "./process-identity.ts";

/** A lock that this process holds until it releases it or dies. */
export type Lock = {
  readonly path: string;
  /** Whether the lock is still held. A waiter on another host may have taken it over while this machine was suspended. */
  isHeld(): boolean;
  /** Releases the lock if it is still held. Idempotent. */
  release(): void;
};

export type AcquireOptions = {
  /** Ends the wait: acquire rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called once if another process holds the lock. `owner` is undefined while the lock file is incomplete. */
  readonly onWait?: (owner: ProcessIdentity | undefined) => void;
  /** An owner on another host is dead after this time without a heartbeat, by the waiter's clock. ms; default: 60,000. */
  readonly heartbeatTimeout?: number;
};

/** Interval of an owner's heartbeat. ms */
const heartbeatInterval = 2_000;
const defaultHeartbeatTimeout = 60_000;
/** Age from which a lock file without a complete line counts as abandoned. ms */
const incompleteTimeout = 5_000;
const firstPoll = 10;
const lastPoll = 250;
/** Suffix of the lock under which a waiter removes a dead owner's lock. */
const takeoverSuffix = ".takeover";

/**
 * Takes a lock without waiting; undefined if another process holds it. The lock of a process that died on this machine counts
 * as free. Whether a process on another host is dead takes time to observe, as `acquire` does.
 */
export function tryAcquire(path: string): Lock | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const lock = create(path);
  if (lock) return lock;
  const seen = readLock(path);
  const isFree =
    seen === undefined || (isKnownDead(seen) && takeOver(path, seen, new HeartbeatMonitor(defaultHeartbeatTimeout)));
  return isFree ? create(path) : undefined;
}

/** Waits for a lock. Waiters have no order. A free lock is noticed within 250 ms, that of a dead owner at once. */
export async function acquire(path: string, options: AcquireOptions = {}): Promise<Lock> {
  mkdirSync(dirname(path), { recursive: true });
  const monitor = new HeartbeatMonitor(options.heartbeatTimeout ?? defaultHeartbeatTimeout);
  let pause = firstPoll;
  for (let hasWaited = false; ; ) {
    options.signal?.throwIfAborted();
    const lock = create(path);
    if (lock) return lock;
    const seen = readLock(path);
    if (seen === undefined) continue;
    if (monitor.isDead(path, seen)) {
      if (takeOver(path, seen, monitor)) continue;
    } else if (!hasWaited) {
      hasWaited = true;
      options.onWait?.(seen.owner);
    }
    await sleep(pause * (0.75 + Math.random() / 2), undefined, options.signal ? { signal: options.signal } : {}).catch(
      () => options.signal?.throwIfAborted(),
    );
    pause = Math.min(pause * 1.5, lastPoll);
  }
}

/** A lock file at one moment: its inode, its last heartbeat, its text and its owner. */
type LockState = {
  readonly inode: bigint;
  readonly beat: bigint;
  readonly text: string;
  readonly owner: ProcessIdentity | undefined;
};

/** Decides whether owners are dead by how long this process has seen no heartbeat. Compares no clocks of two machines. */
class HeartbeatMonitor {
  readonly #since = new Map<string, { readonly seen: LockState; readonly at: number }>();
  readonly #heartbeatTimeout: number;

  constructor(heartbeatTimeout: number) {
    this.#heartbeatTimeout = heartbeatTimeout;
  }

  isDead(path: string, seen: LockState): boolean {
    const liveness = seen.owner ? livenessOf(seen.owner) : "unknown";
    if (liveness !== "unknown") return liveness === "dead";
    const before = this.#since.get(path);
    if (!before || !isSame(before.seen, seen) || before.seen.beat !== seen.beat) {
      this.#since.set(path, { seen, at: performance.now() });
      return false;
    }
    return (
      performance.now() - before.at >
      (seen.owner ? this.#heartbeatTimeout : Math.min(this.#heartbeatTimeout, incompleteTimeout))
    );
  }
}

function create(path: string): Lock | undefined {
  let fd: number;
  try {
    fd = openSync(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
  try {
    writeFileSync(fd, `${JSON.stringify({ ...thisProcess(), nonce: randomBytes(8).toString("hex") })}\n`);
  } catch (error) {
    closeSync(fd);
    rmSync(path, { force: true });
    throw error;
  }
  const inode = fstatSync(fd, { bigint: true }).ino;
  const isHeld = () => statSync(path, { bigint: true, throwIfNoEntry: false })?.ino === inode;
  if (!isHeld()) {
    closeSync(fd);
    return undefined;
  }
  // By descriptor: if the lock is taken over, this heartbeat must not reach the new owner's file.
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      futimesSync(fd, now, now);
    } catch {
      // The file is gone. isHeld() reports that.
    }
  }, heartbeatInterval).unref();
  let isOpen = true;
  return {
    path,
    isHeld: () => isOpen && isHeld(),
    release() {
      if (!isOpen) return;
      clearInterval(heartbeat);
      if (isHeld()) rmSync(path, { force: true });
      isOpen = false;
      closeSync(fd);
    },
  };
}

function readLock(path: string): LockState | undefined {
  // An open makes a network filesystem query its server. The result of a stat may be a minute old.
  const fd = openOwnFile(path);
  if (fd === undefined) return undefined;
  try {
    const stat = fstatSync(fd, { bigint: true });
    const text = readFileSync(fd, "utf8");
    return { inode: stat.ino, beat: stat.mtimeNs, text, owner: text.endsWith("\n") ? parseProcess(text) : undefined };
  } finally {
    closeSync(fd);
  }
}

function isKnownDead({ owner, beat }: LockState): boolean {
  return owner ? livenessOf(owner) === "dead" : Date.now() - Number(beat / 1_000_000n) > defaultHeartbeatTimeout;
}

function isSame(a: LockState, b: LockState | undefined): boolean {
  return a.inode === b?.inode && a.text === b.text;
}

/**
 * Removes a dead owner's lock; false if it could not. A second lock serialises the takeovers. Under it, a waiter
 * reads the first lock again, so that it never removes the lock of a faster waiter.
 */
function takeOver(path: string, judged: LockState, monitor: HeartbeatMonitor): boolean {
  const takeoverPath = path + takeoverSuffix;
  const takeover = create(takeoverPath);
  if (!takeover) {
    const other = readLock(takeoverPath);
    if (other && monitor.isDead(takeoverPath, other)) removeTakeover(takeoverPath, other);
    return false;
  }
  try {
    if (!isSame(judged, readLock(path))) return false;
    rmSync(path, { force: true });
    return true;
  } finally {
    takeover.release();
  }
}

/** Locks whose owners are known to be dead. For an owner on another host only a waiter can find that out. */
export function deadLocks(folder: string): readonly string[] {
  const found = existsSync(folder) ? readdirSync(folder) : [];
  return found
    .map((name) => join(folder, name))
    .filter((path) => {
      const seen = readLock(path);
      return seen !== undefined && isKnownDead(seen);
    });
}

/** Removes takeover locks of processes that were killed during a takeover. */
export function removeDeadTakeovers(folder: string): void {
  const takeovers = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(takeoverSuffix)) : [];
  for (const name of takeovers) {
    const path = join(folder, name);
    const seen = readLock(path);
    if (seen !== undefined && isKnownDead(seen)) removeTakeover(path, seen);
  }
}

/** Removes the locks of dead processes. */
export function removeDeadLocks(folder: string): void {
  removeDeadTakeovers(folder);
  for (const path of deadLocks(folder)) {
    const seen = readLock(path);
    if (seen !== undefined && isKnownDead(seen)) takeOver(path, seen, new HeartbeatMonitor(defaultHeartbeatTimeout));
  }
}

/** Removes a takeover lock that is dead. If another process has created a new one meanwhile, puts that back. */
function removeTakeover(path: string, judged: LockState): void {
  const trash = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    renameSync(path, trash);
    if (!isSame(judged, readLock(trash))) linkSync(trash, path);
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  rmSync(trash, { force: true });
}
