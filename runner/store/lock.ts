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
import { lifeOf, type Owner, parseOwner, thisOwner } from "./process-identity.ts";

/** A lock that this process holds until it lets go or dies. */
export type Lock = {
  readonly path: string;
  /** Whether the file is still ours: a waiter on another host may have judged us dead while this machine slept. */
  isHeld(): boolean;
  /** Removes the lock if it is ours. Safe to repeat. */
  release(): void;
};

export type AcquireOptions = {
  /** Ends the waiting; acquire rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called once, when the lock is held by another; its owner is undefined while the file is half-written. */
  readonly onWait?: (owner: Owner | undefined) => void;
  /** An owner on another host is dead after this many ms without a heartbeat, by the waiter's clock. Default: 60,000. */
  readonly silence?: number;
};

/** How often an owner shows that it lives, in ms. */
const HEARTBEAT = 2_000;
const SILENCE = 60_000;
/** A lock without an owner's line was left by a process that died between two system calls, in ms. */
const UNFINISHED = 5_000;
const FIRST_POLL = 10;
const LAST_POLL = 250;
/** Ends the name of the file by which waiters take turns at a dead owner's lock. */
const GATE = ".takeover";

/**
 * Takes a lock at once, or says undefined when another has it. The lock of an owner that died on this machine counts as
 * free; to judge an owner elsewhere takes `acquire`, which waits.
 */
export function tryAcquire(path: string): Lock | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const lock = create(path);
  if (lock) return lock;
  const seen = look(path);
  const isFree = seen === undefined || (isPlainlyDead(seen) && takeOver(path, seen, new Watch(SILENCE)));
  return isFree ? create(path) : undefined;
}

/** Waits for a lock. Fair to nobody, quick for everybody: a free lock is seen within 250 ms, a dead owner's at once. */
export async function acquire(path: string, options: AcquireOptions = {}): Promise<Lock> {
  mkdirSync(dirname(path), { recursive: true });
  const watch = new Watch(options.silence ?? SILENCE);
  let pause = FIRST_POLL;
  for (let hasWaited = false; ; ) {
    options.signal?.throwIfAborted();
    const lock = create(path);
    if (lock) return lock;
    const seen = look(path);
    if (seen === undefined) continue;
    if (watch.isDead(path, seen)) {
      if (takeOver(path, seen, watch)) continue;
    } else if (!hasWaited) {
      hasWaited = true;
      options.onWait?.(seen.owner);
    }
    await sleep(pause * (0.75 + Math.random() / 2), undefined, options.signal ? { signal: options.signal } : {}).catch(
      () => options.signal?.throwIfAborted(),
    );
    pause = Math.min(pause * 1.5, LAST_POLL);
  }
}

/** What a lock file looked like: which file it was, its last heartbeat, and whose. */
type Seen = { readonly inode: bigint; readonly beat: bigint; readonly text: string; readonly owner: Owner | undefined };

/** Judges owners by how long this process has seen no change, never by comparing two machines' clocks. */
class Watch {
  readonly #since = new Map<string, { readonly seen: Seen; readonly at: number }>();
  readonly #silence: number;

  constructor(silence: number) {
    this.#silence = silence;
  }

  isDead(path: string, seen: Seen): boolean {
    const life = seen.owner ? lifeOf(seen.owner) : "unknown";
    if (life !== "unknown") return life === "dead";
    const before = this.#since.get(path);
    if (!before || !isSame(before.seen, seen) || before.seen.beat !== seen.beat) {
      this.#since.set(path, { seen, at: performance.now() });
      return false;
    }
    return performance.now() - before.at > (seen.owner ? this.#silence : Math.min(this.#silence, UNFINISHED));
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
    writeFileSync(fd, `${JSON.stringify({ ...thisOwner(), nonce: randomBytes(8).toString("hex") })}\n`);
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
  // Through the descriptor: a lock that was taken over must not be kept alive by the one who lost it.
  const heart = setInterval(() => {
    const now = new Date();
    try {
      futimesSync(fd, now, now);
    } catch {
      // The file is gone; isHeld() says so.
    }
  }, HEARTBEAT).unref();
  let isOpen = true;
  return {
    path,
    isHeld: () => isOpen && isHeld(),
    release() {
      if (!isOpen) return;
      clearInterval(heart);
      if (isHeld()) rmSync(path, { force: true });
      isOpen = false;
      closeSync(fd);
    },
  };
}

function look(path: string): Seen | undefined {
  let fd: number;
  try {
    // Opening makes a network filesystem ask its server: a bare stat may be a minute old.
    fd = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd, { bigint: true });
    const text = readFileSync(fd, "utf8");
    return { inode: stat.ino, beat: stat.mtimeNs, text, owner: text.endsWith("\n") ? parseOwner(text) : undefined };
  } finally {
    closeSync(fd);
  }
}

function isPlainlyDead({ owner, beat }: Seen): boolean {
  return owner ? lifeOf(owner) === "dead" : Date.now() - Number(beat / 1_000_000n) > SILENCE;
}

function isSame(a: Seen, b: Seen | undefined): boolean {
  return a.inode === b?.inode && a.text === b.text;
}

/**
 * Removes a dead owner's lock and says whether it did. Of several waiters one at a time passes the gate and looks again
 * before it removes, so that no waiter removes the lock of another who was faster.
 */
function takeOver(path: string, judged: Seen, watch: Watch): boolean {
  const gatePath = path + GATE;
  const gate = create(gatePath);
  if (!gate) {
    const other = look(gatePath);
    if (other && watch.isDead(gatePath, other)) dropGate(gatePath, other);
    return false;
  }
  try {
    if (!isSame(judged, look(path))) return false;
    rmSync(path, { force: true });
    return true;
  } finally {
    gate.release();
  }
}

/** Locks and gates whose owners have plainly died; of an owner on another host only a waiter can tell. */
export function deadLocks(folder: string): readonly string[] {
  const found = existsSync(folder) ? readdirSync(folder) : [];
  return found
    .map((name) => join(folder, name))
    .filter((path) => {
      const seen = look(path);
      return seen !== undefined && isPlainlyDead(seen);
    });
}

/** Removes the gates that processes have left which were killed while they took a dead owner's lock over. */
export function sweepGates(folder: string): void {
  const gates = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(GATE)) : [];
  for (const name of gates) {
    const path = join(folder, name);
    const seen = look(path);
    if (seen !== undefined && isPlainlyDead(seen)) dropGate(path, seen);
  }
}

/** Removes the locks that dead processes have left, as whoever needs one would. */
export function sweepLocks(folder: string): void {
  sweepGates(folder);
  for (const path of deadLocks(folder)) {
    const seen = look(path);
    if (seen !== undefined && isPlainlyDead(seen)) takeOver(path, seen, new Watch(SILENCE));
  }
}

/** Takes the gate away that was judged dead; another one that has come to stand there meanwhile is put back. */
function dropGate(path: string, judged: Seen): void {
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    renameSync(path, aside);
    if (!isSame(judged, look(aside))) linkSync(aside, path);
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  rmSync(aside, { force: true });
}
