import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StoredFile, StoreRecord } from "../pipeline/plan/record.ts";
import { UserError } from "../util/user-error.ts";
import { type Digests, type Listing, listingDigest, unreadableReason } from "./digest.ts";

/** A folder that is ready to become an object: read-only and hashed. `folders` are itself ("") and those below it. */
export type SealedFolder = { readonly object: string; readonly files: Listing; readonly folders: readonly string[] };

/** The objects of a store: the folders `objects/<digest of the listing>/`. */
export class Objects {
  readonly folder: string;
  readonly #digests: Digests;

  constructor(folder: string, digests: Digests) {
    this.folder = folder;
    this.#digests = digests;
  }

  /** The path of an object, which need not exist. */
  path(object: string): string {
    return `${this.folder}/${object}`;
  }

  /** What is wrong with a record's object: the first file that differs. Undefined if all files are as stored. */
  flaw(record: Pick<StoreRecord, "object" | "files">): string | undefined {
    const folder = `${this.path(record.object)}/`;
    for (const name in record.files) {
      const file = record.files[name];
      const found = this.#read(folder + name);
      if (typeof found === "string") return `${name} ${found}`;
      if (!found) return existsSync(folder) ? `${name} is missing` : "its files were deleted by exp gc";
      if (found.size !== file?.size || found.sha256 !== file.sha256) return `${name} was changed`;
    }
    return undefined;
  }

  /** A stored file; undefined if there is none; a string if it cannot be read. */
  #read(path: string): StoredFile | undefined | string {
    try {
      return this.#digests.plainFile(path);
    } catch (error) {
      const reason = unreadableReason(error);
      if (reason === undefined) throw error;
      return reason;
    }
  }

  /**
   * Prepares a folder as an object: deletes undeclared files, makes the others read-only and hashes them. The caller flushes
   * it. Throws UserError: missing-output, symlink-output, irregular-output.
   */
  async seal(folder: string, outputs: readonly string[]): Promise<SealedFolder> {
    deleteUndeclared(folder, outputs);
    const { files: paths, folders } = list(folder);
    for (const output of outputs) {
      const exists = output.endsWith("/") ? paths.some((path) => path.startsWith(output)) : paths.includes(output);
      if (exists) continue;
      throw new UserError("missing-output", `the step ended without writing its output ${output}`, {
        help: "see its log. Nothing was stored",
      });
    }
    const files: Record<string, StoredFile> = {};
    for (const path of paths.sort()) {
      const full = join(folder, path);
      chmodSync(full, 0o444);
      const file = await this.#digests.plainFileAsync(full);
      if (!file) {
        throw new UserError("missing-output", `output ${path} was deleted while it was stored`, {
          help: "let no other program write to the artifacts folder",
        });
      }
      files[path] = file;
    }
    return { object: listingDigest(files), files, folders };
  }

  /** Moves a sealed folder to its place by one rename. An intact object stays; a damaged one is replaced. */
  place(folder: string, sealed: SealedFolder): void {
    mkdirSync(this.folder, { recursive: true });
    const path = this.path(sealed.object);
    for (let attempt = 0; ; attempt++) {
      if (existsSync(path)) {
        if (this.flaw(sealed) === undefined) return;
        this.remove(sealed.object, `${folder}.damaged${attempt}`);
      }
      try {
        renameSync(folder, path);
        break;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? "";
        if (attempt >= 8 || !["ENOTEMPTY", "EEXIST", "ENOENT"].includes(code)) throw error;
      }
    }
  }

  /**
   * Deletes an object: renames it to `trash` on the same filesystem, then deletes it, unless `isUnused` is false by then. A
   * process claims an object before it looks for it, so a process that found it has claimed it before the rename.
   */
  remove(object: string, trash: string, isUnused: () => boolean = () => true): boolean {
    mkdirSync(dirname(trash), { recursive: true });
    try {
      renameSync(this.path(object), trash);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
    if (!isUnused() && !existsSync(this.path(object))) {
      renameSync(trash, this.path(object));
      return false;
    }
    rmSync(trash, { recursive: true, force: true });
    return true;
  }
}

function deleteUndeclared(folder: string, outputs: readonly string[]): void {
  const declared = new Set(outputs.map((output) => output.split("/", 1)[0]));
  for (const name of readdirSync(folder)) {
    if (!declared.has(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function list(root: string): { files: string[]; folders: string[] } {
  const files: string[] = [];
  const folders = [""];
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}${entry.name}`;
      if (entry.isFile()) files.push(path);
      else if (entry.isDirectory()) folders.push(`${path}/`);
      else if (entry.isSymbolicLink()) {
        throw new UserError("symlink-output", `output ${path} is a symlink`, {
          help: "write the file itself: the target of a link may change",
        });
      } else {
        throw new UserError("irregular-output", `output ${path} is not a regular file`, {
          help: "write regular files and folders only",
        });
      }
    }
  }
  return { files, folders };
}
