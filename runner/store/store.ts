import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { Ingredients, StoreRecord } from "../pipeline/plan/record.ts";
import type { Json } from "../util/canonical.ts";
import { UserError } from "../util/user-error.ts";
import { processes, Running } from "./claims.ts";
import type { Digests } from "./digest.ts";
import { keepUnstored, takeUnstored } from "./failed-commit.ts";
import { flushAll } from "./fsync.ts";
import { type AcquireOptions, acquire, type Lock, sweepGates } from "./lock.ts";
import { Objects, type Sealed } from "./objects.ts";
import { Keys, names } from "./records.ts";

/** The disk is full. Nothing partial is visible, and the step's work folder is kept. */
export class StoreFull extends UserError {
  constructor(path: string) {
    super("disk-full", `no space left on the disk of ${path}`, {
      help: "free some space (`exp gc` drops what no run refers to), then run again: finished work is kept",
    });
    this.name = "StoreFull";
  }
}

/** A stored output, or why there is none, in words: "never built", "metrics.json was changed". */
export type Found = { readonly record: StoreRecord } | { readonly miss: string };

/** A folder in which a step writes what will be stored under a key. */
export type Staged = { readonly key: string; readonly dir: string };

/** What a finished step hands over with its files. */
export type Finished = {
  readonly ingredients: Ingredients;
  /** Declared outputs: "metrics.json", or "adapter/" for a folder. Files beside them are not stored. */
  readonly outputs: readonly string[];
  readonly evidence: Readonly<Record<string, Json>>;
  readonly seconds: number;
  /** A forced second run: the key then points to this object, even where another stands. */
  readonly force?: boolean;
};

/** Steps' outputs by content, and records by key. */
export type Store = {
  /** The artifacts folder. */
  readonly root: string;
  /** A key's outputs, each file checked against its record: by stat, by content where the stat has changed. */
  find(key: string): Found;
  /** A key's record, with no look at its files. */
  peek(key: string): StoreRecord | undefined;
  /** Every record, in no order. */
  records(): readonly StoreRecord[];
  /** Where an object's files lie. */
  objectDir(object: string): string;
  stage(key: string): Staged;
  /**
   * Stores what was staged: flushed, hashed in one read, renamed, and the record last. Returns the record that stands,
   * which is another's where that one was first. Throws OutputRefused or StoreFull, and the staging folder is gone then; a
   * full disk leaves what was staged in the work folder, if there is one.
   */
  commit(staged: Staged, finished: Finished): Promise<StoreRecord>;
  /**
   * Stores files that another store's record describes, and that record as it is: where they come from a copy of a store.
   * False where the files are not those of the record.
   */
  adopt(staged: Staged, record: StoreRecord): Promise<boolean>;
  /** Stores files that a run of another store refers to, without a record; false where they are not those of the object's name. */
  adoptObject(staged: Staged, object: string): Promise<boolean>;
  /** Whether an object's files are all here as they were stored; it stays until this process ends. */
  holds(object: Pick<StoreRecord, "object" | "files">): boolean;
  /** What a full disk kept from being stored the last time, staged once more: only the commit is still to be made. */
  takeUnstored(key: string): (Pick<Finished, "seconds" | "evidence"> & { readonly staged: Staged }) | undefined;
  discard(staged: Staged): void;
  /** Waits until this process is the only one that builds the key. */
  lock(key: string, options?: AcquireOptions): Promise<Lock>;
  /** What a step needs to resume: made on first use, kept until `dropWork`. */
  workDir(key: string): string;
  dropWork(key: string): void;
  /** Removes what dead processes have left half-made. */
  sweepStaging(): void;
  /** Keeps what goes by this name below the artifacts folder from being collected until this process ends. */
  claim(name: string): void;
  /** A path that nobody looks at, on the same disk: where what is being collected is moved to first. */
  aside(): string;
  /**
   * Drops an object's bytes unless a running process uses it, or `isPinned` says that a run refers to it, and says whether it
   * did. Its records stay.
   */
  collect(object: string, isPinned?: () => boolean): boolean;
  /** Ends this process's claim to what it used, and remembers digests. */
  close(): void;
};

/** How the store may be used: "read" writes nothing below the artifacts folder. */
export type Access = "read" | "write";

/** Opens the store below an artifacts folder, which need not exist. */
export function openStore(root: string, digests: Digests, access: Access = "write"): Store {
  const folder = join(root, "store");
  const staging = join(folder, "staging");
  const keys = new Keys(join(folder, "keys"));
  const objects = new Objects(join(folder, "objects"), digests);
  const running = new Running(join(folder, "running"));
  const workDir = (key: string) => join(root, "work", key);

  const find = (key: string): Found => {
    const record = keys.read(key, access === "write");
    if (!record) return { miss: "never built" };
    // Claimed before it is looked at: who collects looks at claims after taking the object away.
    if (access === "write") fullDisk(folder, () => running.use(record.object));
    const flaw = objects.flaw(record);
    return flaw === undefined ? { record } : { miss: flaw };
  };

  /** A path in staging/ that nobody looks at, and which whoever sweeps knows to be this process's. */
  const ownPath = (name: string): string => join(staging, `${name}.${running.id()}.${randomBytes(6).toString("hex")}`);

  const aside = (): string => {
    mkdirSync(staging, { recursive: true });
    return ownPath("collected");
  };

  const discard = (staged: Staged) => rmSync(staged.dir, { recursive: true, force: true });

  const publishForced = (draft: string, record: StoreRecord): StoreRecord => {
    keys.publish(draft, record.key, true);
    return record;
  };

  /** Publishes a record unless one with sound files stands; gives the one that does. */
  const publishFirst = (draft: string, record: StoreRecord): StoreRecord => {
    const isNew = keys.read(record.key) === undefined;
    if (isNew && keys.publish(draft, record.key, false)) return record;
    const standing = find(record.key);
    return "record" in standing ? standing.record : publishForced(draft, record);
  };

  const keep = async (staged: Staged, finished: Finished): Promise<StoreRecord> => {
    const { key, dir } = staged;
    const sealed = await objects.seal(dir, finished.outputs);
    const standing = find(key);
    if ("record" in standing && !finished.force) return standing.record;
    const record: StoreRecord = {
      schema: 1,
      key,
      ingredients: finished.ingredients,
      object: sealed.object,
      files: sealed.files,
      evidence: finished.evidence,
      created: new Date().toISOString(),
      seconds: finished.seconds,
    };
    return show(dir, sealed, record, finished.force ?? false);
  };

  /** Makes sealed files and their record visible. All that needs space comes before anything is. */
  const show = async (dir: string, sealed: Sealed, record: StoreRecord, force: boolean): Promise<StoreRecord> => {
    running.use(record.object);
    const draft = ownPath(record.key);
    keys.draft(record, draft);
    try {
      const parts = [...Object.keys(sealed.files), ...sealed.folders].map((name) => join(dir, name));
      await flushAll([draft, ...parts]);
      objects.place(dir, sealed);
      const stands = force ? publishForced(draft, record) : publishFirst(draft, record);
      await flushAll([objects.folder, keys.folder]);
      return stands;
    } finally {
      rmSync(draft, { force: true });
    }
  };

  /** Seals files that another store has made, and places them where they are those of the object. */
  const takeIn = async (staged: Staged, object: string, place: (sealed: Sealed) => Promise<void>): Promise<boolean> => {
    try {
      const sealed = await objects.seal(
        staged.dir,
        names(staged.dir).map((name) => outputOf(staged.dir, name)),
      );
      if (sealed.object !== object) return false;
      await place(sealed);
      return true;
    } catch (error) {
      throw isFull(error) ? new StoreFull(folder) : error;
    } finally {
      discard(staged);
    }
  };

  return {
    root,
    find,
    peek: (key) => keys.read(key),
    records: () => keys.list().flatMap((key) => keys.read(key) ?? []),
    objectDir: (object) => objects.path(object),
    stage(key) {
      return fullDisk(staging, () => {
        const dir = ownPath(key);
        makeFolder(dir);
        return { key, dir };
      });
    },
    async commit(staged, finished) {
      if (keyOf(finished.ingredients) !== staged.key)
        throw new Error(`key ${staged.key} is not that of its ingredients`);
      try {
        return await keep(staged, finished);
      } catch (error) {
        if (!isFull(error)) throw error;
        if (existsSync(workDir(staged.key))) keepUnstored(staged.dir, workDir(staged.key), finished);
        throw new StoreFull(folder);
      } finally {
        discard(staged);
      }
    },
    adopt: (staged, record) =>
      takeIn(staged, record.object, async (sealed) => void (await show(staged.dir, sealed, record, false))),
    adoptObject: (staged, object) =>
      takeIn(staged, object, async (sealed) => {
        running.use(object);
        await flushAll([...Object.keys(sealed.files), ...sealed.folders].map((name) => join(staged.dir, name)));
        objects.place(staged.dir, sealed);
        await flushAll([objects.folder]);
      }),
    holds(object) {
      fullDisk(folder, () => running.use(object.object));
      return objects.flaw(object) === undefined;
    },
    takeUnstored(key) {
      const kept = takeUnstored(workDir(key), () => this.stage(key).dir);
      return kept && { staged: { key, dir: kept.dir }, seconds: kept.seconds, evidence: kept.evidence };
    },
    discard,
    async lock(key, options) {
      try {
        return await acquire(join(folder, "locks", key), options);
      } catch (error) {
        throw isFull(error) ? new StoreFull(folder) : error;
      }
    },
    workDir(key) {
      return fullDisk(root, () => {
        mkdirSync(workDir(key), { recursive: true });
        return workDir(key);
      });
    },
    dropWork: (key) => rmSync(workDir(key), { recursive: true, force: true }),
    sweepStaging() {
      // Listed before the living are: whoever stages after that has said before that it lives.
      const staged = names(staging);
      const { living, left } = processes(join(folder, "running"));
      for (const name of staged) {
        const owner = name.split(".")[1] ?? "";
        if (!living.has(owner)) rmSync(join(staging, name), { recursive: true, force: true });
      }
      for (const path of left) rmSync(path, { force: true });
      sweepGates(join(folder, "locks"));
    },
    claim: (name) => fullDisk(folder, () => running.use(name)),
    aside,
    collect(object, isPinned = () => false) {
      // In this order: whoever used it and has ended since has sealed its run before.
      const isLoose = () => !processes(join(folder, "running")).objects.has(object) && !isPinned();
      return objects.remove(object, aside(), isLoose);
    },
    close() {
      running.close();
      digests.flush();
    },
  };
}

/** A name in a folder as a step would declare it. */
function outputOf(folder: string, name: string): string {
  return statSync(join(folder, name)).isDirectory() ? `${name}/` : name;
}

/** One call where the folder around it is there, as it nearly always is. */
function makeFolder(dir: string): void {
  try {
    mkdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dir, { recursive: true });
  }
}

function fullDisk<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isFull(error) ? new StoreFull(path) : error;
  }
}

function isFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOSPC" || code === "EDQUOT";
}
