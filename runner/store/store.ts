import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { keyOf } from "../pipeline/plan/identity.ts";
import type { Ingredients, StoreRecord } from "../pipeline/plan/record.ts";
import type { Json } from "../util/canonical.ts";
import { namesIn } from "../util/names-in.ts";
import { UserError } from "../util/user-error.ts";
import { activeClaims, Claims } from "./claims.ts";
import type { Digests } from "./digest.ts";
import { diskFull, isFull, reportingFullDisk } from "./disk-full.ts";
import { keepFailedCommit, takeFailedCommit } from "./failed-commit.ts";
import { nameWork, refuseForeignWork } from "./foreign-work.ts";
import { fsyncAll } from "./fsync.ts";
import { type AcquireOptions, acquire, type Lock, removeDeadTakeovers } from "./lock.ts";
import { Objects, type SealedFolder } from "./objects.ts";
import { Records } from "./records.ts";

/** A cache hit, or the reason for a miss: "never built", "metrics.json was changed". */
export type Lookup = { readonly record: StoreRecord } | { readonly miss: string };

/** A folder in which a step writes the outputs to be stored under a key. */
export type Staged = { readonly key: string; readonly dir: string };

/** The part of a record that the files do not determine. */
export type StepResult = {
  readonly ingredients: Ingredients;
  /** Declared outputs: "metrics.json", or "adapter/" for a folder. Other files are not stored. */
  readonly outputs: readonly string[];
  readonly evidence: Readonly<Record<string, Json>>;
  readonly seconds: number;
  /** A forced second run: replaces the key's record. */
  readonly force?: boolean;
};

/** Outputs of steps by content, and records by key. */
export type Store = {
  /** The artifacts folder. */
  readonly root: string;
  /** Looks a key up and checks its files: by stat, and by content if the stat changed. Claims the object. */
  find(key: string): Lookup;
  /** A key's record, with no look at its files. */
  record(key: string): StoreRecord | undefined;
  /** Every record, unordered. */
  records(): readonly StoreRecord[];
  /** The folder of an object. */
  objectDir(object: string): string;
  /** Makes an empty staging folder. */
  stage(key: string): Staged;
  /**
   * Stores what was staged: hashes and flushes the files, renames the folder, and writes the record last. Returns the
   * key's record, which is that of another process if it committed first. The staging folder is gone afterwards. Throws
   * UserError: missing-output, symlink-output, irregular-output, disk-full. After disk-full the work folder, if any,
   * holds the outputs.
   */
  commit(staged: Staged, result: StepResult): Promise<StoreRecord>;
  /** Stores files together with their record from another store; false if the files do not match the record. */
  importRecord(staged: Staged, record: StoreRecord): Promise<boolean>;
  /** Stores files without a record; false if they do not match the object's name. */
  importObject(staged: Staged, object: string): Promise<boolean>;
  /** Claims an object until this process ends; false if a file is missing or changed. */
  claimIfIntact(object: Pick<StoreRecord, "object" | "files">): boolean;
  /** Stages the outputs of a commit that failed on a full disk, so that only the commit is repeated. */
  takeFailedCommit(key: string): (Pick<StepResult, "seconds" | "evidence"> & { readonly staged: Staged }) | undefined;
  discard(staged: Staged): void;
  /** Waits until this process is the only one that builds the key. */
  lock(key: string, options?: AcquireOptions): Promise<Lock>;
  /** The folder that a step resumes from. Made on first use, kept until `deleteWork`. No other user can open it. */
  workDir(key: string): string;
  /**
   * Throws UserError foreign-work if another user made a part of a work folder. `staged` is a folder of this process.
   */
  refuseForeignWork(key: string, staged: Staged): void;
  deleteWork(key: string): void;
  /** Deletes what dead processes left behind. */
  removeAbandoned(): void;
  /** Keeps an object, work folder or snapshot from being deleted until this process ends. */
  claim(name: string): void;
  /** A new path in staging/, for a folder that is about to be deleted. */
  trashPath(): string;
  /** Deletes an object; false if a running process claims it or `isKept`. Its records stay. */
  deleteObject(object: string, isKept?: () => boolean): boolean;
  /** Releases the claims of this process and writes the digest cache. */
  close(): void;
};

/** "read" writes nothing below the artifacts folder. */
export type Access = "read" | "write";

/** Folders whose entries exp deletes by their names alone, and the folders around them. */
const ownFolders = [
  ...["store", "work", "predictions"],
  ...["objects", "keys", "staging", "running", "locks"].map((name) => `store/${name}`),
  ...["work/snapshots", "live", "jobs", "jobs/snapshots"],
];

/** A link in the place of such a folder would let a copied project delete the files of any other folder. */
function refuseLinks(root: string): void {
  const linked = ownFolders.find((name) => lstatSync(join(root, name), { throwIfNoEntry: false })?.isSymbolicLink());
  if (linked === undefined) return;
  throw new UserError("linked-folder", `${join(root, linked)} is a link, and exp deletes files in this folder`, {
    help: "delete the link. To use another disk, link the artifacts folder as a whole",
    status: "refused",
  });
}

/** Opens the store of an artifacts folder, which need not exist. Throws UserError `linked-folder`. */
export function openStore(root: string, digests: Digests, access: Access = "write"): Store {
  refuseLinks(root);
  const folder = join(root, "store");
  const staging = join(folder, "staging");
  const records = new Records(join(folder, "keys"));
  const objects = new Objects(join(folder, "objects"), digests);
  const claims = new Claims(join(folder, "running"));
  const workDir = (key: string) => join(root, "work", key);

  const find = (key: string): Lookup => {
    const record = records.read(key, access === "write");
    if (!record) return { miss: "never built" };
    // Claimed before its files are checked: gc reads the claims after it renamed the object.
    if (access === "write") reportingFullDisk(folder, () => claims.add(record.object));
    const flaw = objects.flaw(record);
    return flaw === undefined ? { record } : { miss: flaw };
  };

  /**
   * A new path in staging/ whose name contains the id of this process. `removeAbandoned` keeps it while the process
   * runs.
   */
  const ownPath = (name: string): string => join(staging, `${name}.${claims.id()}.${randomBytes(6).toString("hex")}`);

  const trashPath = (): string => {
    mkdirSync(staging, { recursive: true });
    return ownPath("trash");
  };

  const discard = (staged: Staged) => rmSync(staged.dir, { recursive: true, force: true });

  const publishForced = (draft: string, record: StoreRecord): StoreRecord => {
    records.publish(draft, record.key, true);
    return record;
  };

  /** Publishes a record unless the key has one with intact files. Returns the key's record. */
  const publishFirst = (draft: string, record: StoreRecord): StoreRecord => {
    const isNew = records.read(record.key) === undefined;
    if (isNew && records.publish(draft, record.key, false)) return record;
    const existing = find(record.key);
    return "record" in existing ? existing.record : publishForced(draft, record);
  };

  const commit = async (staged: Staged, result: StepResult): Promise<StoreRecord> => {
    const { key, dir } = staged;
    const sealed = await objects.seal(dir, result.outputs);
    const existing = find(key);
    if ("record" in existing && !result.force) return existing.record;
    const record: StoreRecord = {
      schema: 2,
      key,
      ingredients: result.ingredients,
      object: sealed.object,
      files: sealed.files,
      evidence: result.evidence,
      created: new Date().toISOString(),
      seconds: result.seconds,
    };
    return publish(dir, sealed, record, result.force ?? false);
  };

  /** Makes sealed files and their record visible. Everything that needs disk space happens before. */
  const publish = async (
    dir: string,
    sealed: SealedFolder,
    record: StoreRecord,
    force: boolean,
  ): Promise<StoreRecord> => {
    claims.add(record.object);
    const draft = ownPath(record.key);
    records.writeDraft(record, draft);
    try {
      const parts = [...Object.keys(sealed.files), ...sealed.folders].map((name) => join(dir, name));
      await fsyncAll([draft, ...parts]);
      objects.place(dir, sealed);
      const published = force ? publishForced(draft, record) : publishFirst(draft, record);
      await fsyncAll([objects.folder, records.folder]);
      return published;
    } finally {
      rmSync(draft, { force: true });
    }
  };

  /** Seals files from another store and places them; false if they do not match the object's name. */
  const importFiles = async (
    staged: Staged,
    object: string,
    place: (sealed: SealedFolder) => Promise<void>,
  ): Promise<boolean> => {
    try {
      const sealed = await objects.seal(
        staged.dir,
        namesIn(staged.dir).map((name) => outputOf(staged.dir, name)),
      );
      if (sealed.object !== object) return false;
      await place(sealed);
      return true;
    } catch (error) {
      throw isFull(error) ? diskFull(folder) : error;
    } finally {
      discard(staged);
    }
  };

  return {
    root,
    find,
    record: (key) => records.read(key),
    records: () => records.keys().flatMap((key) => records.read(key) ?? []),
    objectDir: (object) => objects.path(object),
    stage(key) {
      return reportingFullDisk(staging, () => {
        const dir = ownPath(key);
        makeFolder(dir);
        return { key, dir };
      });
    },
    async commit(staged, result) {
      if (keyOf(result.ingredients) !== staged.key) throw new Error(`key ${staged.key} does not match its ingredients`);
      try {
        return await commit(staged, result);
      } catch (error) {
        if (!isFull(error)) throw error;
        if (existsSync(workDir(staged.key))) keepFailedCommit(staged.dir, workDir(staged.key), result);
        throw diskFull(folder);
      } finally {
        discard(staged);
      }
    },
    importRecord: (staged, record) =>
      importFiles(staged, record.object, async (sealed) => void (await publish(staged.dir, sealed, record, false))),
    importObject: (staged, object) =>
      importFiles(staged, object, async (sealed) => {
        claims.add(object);
        await fsyncAll([...Object.keys(sealed.files), ...sealed.folders].map((name) => join(staged.dir, name)));
        objects.place(staged.dir, sealed);
        await fsyncAll([objects.folder]);
      }),
    claimIfIntact(object) {
      reportingFullDisk(folder, () => claims.add(object.object));
      return objects.flaw(object) === undefined;
    },
    takeFailedCommit(key) {
      const kept = takeFailedCommit(workDir(key), () => this.stage(key).dir);
      return kept && { staged: { key, dir: kept.dir }, seconds: kept.seconds, evidence: kept.evidence };
    },
    discard,
    async lock(key, options) {
      try {
        return await acquire(join(folder, "locks", key), options);
      } catch (error) {
        throw isFull(error) ? diskFull(folder) : error;
      }
    },
    workDir(key) {
      return reportingFullDisk(root, () => {
        const folder = workDir(key);
        mkdirSync(join(root, "work"), { recursive: true });
        // A member of the user's group could change a checkpoint, and its owner would stay.
        makePrivate(folder);
        nameWork(folder, key);
        return folder;
      });
    },
    refuseForeignWork: (key, staged) => refuseForeignWork(workDir(key), key, staged.dir),
    deleteWork: (key) => rmSync(workDir(key), { recursive: true, force: true }),
    removeAbandoned() {
      // List staging folders first, then running processes: a process registers itself before it stages.
      const staged = namesIn(staging);
      const { processes, abandoned } = activeClaims(join(folder, "running"));
      for (const name of staged) {
        const owner = name.split(".")[1] ?? "";
        if (!processes.has(owner)) rmSync(join(staging, name), { recursive: true, force: true });
      }
      for (const path of abandoned) rmSync(path, { force: true });
      removeDeadTakeovers(join(folder, "locks"));
    },
    claim: (name) => reportingFullDisk(folder, () => claims.add(name)),
    trashPath,
    deleteObject(object, isKept = () => false) {
      // In this order: a process that ends meanwhile seals its run before it releases its claims.
      const isUnused = () => !activeClaims(join(folder, "running")).claimed.has(object) && !isKept();
      return objects.remove(object, trashPath(), isUnused);
    },
    close() {
      claims.release();
      digests.flush();
    },
  };
}

/** A name in a folder in the form of a declared output. */
function outputOf(folder: string, name: string): string {
  return statSync(join(folder, name)).isDirectory() ? `${name}/` : name;
}

/** Makes a folder with one system call if its parent exists, as it nearly always does. */
function makeFolder(dir: string): void {
  try {
    mkdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dir, { recursive: true });
  }
}

/** Makes a folder that only this user can open, or closes an existing one to others. */
function makePrivate(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if ((lstatSync(dir).mode & 0o077) !== 0) chmodSync(dir, 0o700);
}
