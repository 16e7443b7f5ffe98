import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { StoredFile, StoreRecord } from "../pipeline/plan/record.ts";
import { UserError } from "../util/user-error.ts";
import { type Digests, FileChanged, type Listing, listingDigest } from "./digest.ts";

/** What a step wrote cannot be stored: "missing-output", "symlink-output" or "odd-output". */
class OutputRefused extends UserError {
  constructor(code: "missing-output" | "symlink-output" | "odd-output", message: string, help: string) {
    super(code, message, { help });
    this.name = "OutputRefused";
  }
}

/** A sealed folder: read-only, its files hashed. `folders` are itself ("") and those below it. */
export type Sealed = { readonly object: string; readonly files: Listing; readonly folders: readonly string[] };

/** The folders `objects/<digest of the listing>/`. */
export class Objects {
  readonly folder: string;
  readonly #digests: Digests;

  constructor(folder: string, digests: Digests) {
    this.folder = folder;
    this.#digests = digests;
  }

  /** Where an object lies, whether or not it does. */
  path(object: string): string {
    return `${this.folder}/${object}`;
  }

  /** What is wrong with a record's object, by name; undefined when every file is as it was stored. */
  flaw(record: Pick<StoreRecord, "object" | "files">): string | undefined {
    const folder = `${this.path(record.object)}/`;
    for (const name in record.files) {
      const file = record.files[name];
      const found = this.#look(folder + name);
      if (typeof found === "string") return `${name} ${found}`;
      if (!found) return existsSync(folder) ? `${name} is missing` : "its files were collected";
      if (found.size !== file?.size || found.sha256 !== file.sha256) return `${name} was changed`;
    }
    return undefined;
  }

  /** A stored file, undefined where there is none, or in words why it cannot be read. */
  #look(path: string): StoredFile | undefined | string {
    try {
      return this.#digests.plainFile(path);
    } catch (error) {
      if (error instanceof FileChanged) return "is being changed";
      const code = (error as NodeJS.ErrnoException).code ?? "";
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes(code)) return "is missing";
      if (["EACCES", "EPERM", "EIO"].includes(code)) return `cannot be read (${code})`;
      throw error;
    }
  }

  /**
   * Makes a folder fit to be an object: undeclared files are dropped, the others made read-only and read once. The caller
   * flushes it. Throws OutputRefused for a declared output that is missing and for anything that is not a plain file.
   */
  async seal(folder: string, outputs: readonly string[]): Promise<Sealed> {
    dropUndeclared(folder, outputs);
    const { files: paths, folders } = list(folder);
    for (const output of outputs) {
      const succeeded = output.endsWith("/") ? paths.some((path) => path.startsWith(output)) : paths.includes(output);
      if (succeeded) continue;
      throw new OutputRefused(
        "missing-output",
        `the step ended without writing its output ${output}`,
        "its log says what it did write; nothing was stored",
      );
    }
    const files: Record<string, StoredFile> = {};
    for (const path of paths.sort()) {
      const full = join(folder, path);
      chmodSync(full, 0o444);
      const file = await this.#digests.plainFileAsync(full);
      if (!file) throw new OutputRefused("missing-output", `output ${path} vanished`, "let nothing else write there");
      files[path] = file;
    }
    return { object: listingDigest(files), files, folders };
  }

  /** Moves a sealed folder to its place by one rename. An object that is there and sound stays, a damaged one goes. */
  place(folder: string, sealed: Sealed): void {
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
   * Takes an object away by renaming it to `aside`, on the same filesystem, then frees its bytes. `isLoose` is asked in
   * between: a process claims an object before it looks at it, so one that saw it has claimed it by then.
   */
  remove(object: string, aside: string, isLoose: () => boolean = () => true): boolean {
    mkdirSync(dirname(aside), { recursive: true });
    try {
      renameSync(this.path(object), aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
    if (!isLoose() && !existsSync(this.path(object))) {
      renameSync(aside, this.path(object));
      return false;
    }
    rmSync(aside, { recursive: true, force: true });
    return true;
  }
}

function dropUndeclared(folder: string, outputs: readonly string[]): void {
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
        throw new OutputRefused(
          "symlink-output",
          `output ${path} is a symlink`,
          "write the file itself: what a link points to may change",
        );
      } else throw new OutputRefused("odd-output", `output ${path} is no plain file`, "write plain files and folders");
    }
  }
  return { files, folders };
}
