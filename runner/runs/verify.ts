import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { datasetSnapshot } from "../hub/places.ts";
import { isListing, type StoredFile } from "../pipeline/plan/record.ts";
import { readResult } from "../pipeline/result-files.ts";
import { digestUncached, listingDigest, unreadableReason } from "../store/digest.ts";
import { type Finding, inspect, isFlaw } from "../store/inspect.ts";
import type { Store } from "../store/store.ts";
import { isInside } from "../util/inside.ts";
import { pathKind } from "../util/regular-file.ts";
import { datasetFiles } from "./dataset-files.ts";
import { type FinishedRun, runLabel, type UnreadableRun } from "./finished-runs.ts";
import { malformedPart, unprovedField } from "./intact-run.ts";
import { outputFolder, runDigits, runsDir } from "./run-folder.ts";
import { foreignOrigin } from "./run-origin.ts";
import { projectFlaws } from "./verify-project.ts";

/** A file that differs from its record. */
export type Flaw = {
  /** What names the file: "<experiment>/<run>, <step>", "store", "runs", "ledger" or "live". */
  readonly of: string;
  /** Relative to the project root. */
  readonly file: string;
  /** "is missing", "was changed", … */
  readonly what: string;
};

/** The result of a verification. */
export type Verified = {
  readonly files: number;
  readonly bytes: number;
  readonly flaws: readonly Flaw[];
  /** What could not be checked on this machine, and why that is no flaw. */
  readonly notes: readonly string[];
};

/** Where the files of runs are. */
export type FileLocations = {
  readonly root: string;
  readonly artifacts: string;
  /** Folder of the exp package, with the recipes and prompts that a project may lack. */
  readonly packageRoot: string;
  /** Folder of a base model's weights, which need not exist. */
  weights(base: string, revision: string | undefined): string;
  /** The cache of the Hugging Face libraries. */
  readonly cache: string;
};

/** Reads each file once, without the digest cache, and collects the flaws. */
export class Verifier {
  readonly #locations: FileLocations;
  readonly #files = new Map<string, StoredFile | string>();
  readonly #flaws: Flaw[] = [];
  readonly #notes = new Set<string>();

  constructor(locations: FileLocations) {
    this.#locations = locations;
  }

  /** The result so far. */
  get verified(): Verified {
    const read = [...this.#files.values()].filter((one) => typeof one !== "string");
    return {
      files: read.length,
      bytes: read.reduce((sum, { size }) => sum + size, 0),
      flaws: this.#flaws,
      notes: [...this.#notes],
    };
  }

  /**
   * Checks every file of a run: the manifest against the digits of the run's name, the outputs of its steps in the store and the
   * links to them, the current data, templates and locks, and the weights if they are on this machine. Of a run from elsewhere the
   * form of the results is checked too, and no file outside the study is read.
   */
  run({ manifest, path }: FinishedRun): void {
    const { root, artifacts } = this.#locations;
    const isHome = isInside(path, runsDir(artifacts));
    const isForeign = foreignOrigin({ path }, artifacts) !== undefined;
    const name = runLabel({ manifest });
    const flaw = (step: string, file: string, what: string): void => {
      this.#flaws.push({ of: step === "" ? name : `${name}, ${step}`, file: relative(root, file), what });
    };
    if (!manifest.run.endsWith(runDigits(manifest.config, manifest.steps))) {
      flaw("", path, "was changed: its configuration and outputs do not match the name of the run");
    }
    for (const [step, { object, files }] of Object.entries(manifest.steps)) {
      if (listingDigest(files) !== object)
        flaw(step, path, "was changed: its list of files does not match the stored object");
      for (const [file, expected] of Object.entries(files)) {
        const stored = join(artifacts, "store/objects", object, file);
        const link = join(dirname(path), outputFolder(step), file);
        // A run outside the project has files of its own.
        const [first, second] = isHome ? [stored, link] : [link, stored];
        const found = existsSync(first) || !existsSync(second) ? first : second;
        const what = this.#differs(found, expected);
        if (what !== undefined) flaw(step, found, what);
        else if (isHome && found === stored && linkTarget(link) !== realpathSync(stored)) {
          flaw(step, link, existsSync(link) ? "does not link to the stored file" : "is missing");
        }
      }
    }
    const malformed = isForeign ? malformedPart({ manifest, path }) : undefined;
    if (malformed !== undefined) flaw("", path, `cannot be used: ${malformed}`);
    else this.#repeated({ manifest, path }, flaw);
    for (const [source, sha256] of Object.entries(manifest.provenance.sources)) {
      const shipped = /(?:^|\/)(recipes\/.*)$/.exec(source)?.[1];
      if (isForeign && shipped === undefined && !isInside(resolve(root, source), root))
        this.#notes.add(`${name}: ${source} is outside this study and was not checked`);
      else this.#source({ source, shipped, sha256 }, flaw);
    }
    this.#weights({ manifest, path }, flaw);
    if (!isForeign) this.#datasets({ manifest, path }, flaw);
  }

  /** Checks what is shared by the runs of a project: the ledger, status files, upload records and `latest` links. */
  project(): void {
    const { root, artifacts } = this.#locations;
    for (const { of, path, what } of projectFlaws(artifacts))
      this.#flaws.push({ of, file: relative(root, path), what });
  }

  /** Adds a run whose manifest cannot be read. */
  unreadable({ label, path, error }: UnreadableRun): void {
    this.#flaws.push({
      of: label,
      file: relative(this.#locations.root, path),
      what: `cannot be used: ${error.message}`,
    });
  }

  /** Checks the whole store. Throws UserError: manifest-unreadable. */
  store(store: Pick<Store, "root" | "objectDir">): readonly Finding[] {
    const { root, artifacts } = this.#locations;
    const findings = inspect(store, (path) => this.#read(path));
    for (const finding of findings.filter(isFlaw)) {
      this.#flaws.push({ of: "store", file: relative(root, join(artifacts, finding.path)), what: finding.what });
    }
    const count = (kind: Finding["kind"]): number => findings.filter((finding) => finding.kind === kind).length;
    const [left, orphans] = [count("abandoned"), count("orphan")];
    if (left > 0) this.#notes.add(`dead processes left ${left} files or folders behind. The next run deletes them`);
    if (orphans > 0) this.#notes.add(`nothing refers to ${orphans} stored folders. exp gc deletes them`);
    return findings;
  }

  /** The manifest repeats what follows from the steps and their files. Both must agree. */
  #repeated(run: FinishedRun, flaw: (step: string, file: string, what: string) => void): void {
    try {
      const field = unprovedField(run);
      if (field !== undefined) flaw("", run.path, `was changed: its ${field} differ from the files of its steps`);
    } catch {
      this.#notes.add(`${runLabel(run)}: a metrics.json is not JSON, so the scores were not checked`);
    }
  }

  /** Checks a source of a run: a file or folder. `shipped` is its path in the exp package, if it may be there. */
  #source(
    {
      source,
      shipped,
      sha256,
    }: { readonly source: string; readonly shipped: string | undefined; readonly sha256: string },
    flaw: (step: string, file: string, what: string) => void,
  ): void {
    const { root, packageRoot } = this.#locations;
    const own = resolve(root, source);
    const path = existsSync(own) || shipped === undefined ? own : join(packageRoot, shipped);
    if (!existsSync(path)) {
      flaw("source", own, "is missing");
      return;
    }
    if (pathKind(path) !== "folder") {
      const read = this.#read(path);
      const what = typeof read === "string" ? read : read.sha256 === sha256 ? undefined : "was changed";
      if (what !== undefined) flaw("source", path, what);
      return;
    }
    const listing: Record<string, StoredFile> = {};
    for (const file of filesBelow(path)) {
      const read = this.#read(join(path, file));
      if (typeof read !== "string") listing[file] = read;
    }
    if (listingDigest(listing) !== sha256) flaw("source", path, "was changed");
  }

  #weights({ manifest, path }: FinishedRun, flaw: (step: string, file: string, what: string) => void): void {
    const { artifacts } = this.#locations;
    for (const [step, { kind, object }] of Object.entries(manifest.steps)) {
      if (kind !== "fetch") continue;
      const stored = join(artifacts, "store/objects", object, "model.json");
      const file = existsSync(stored) ? stored : join(dirname(path), outputFolder(step), "model.json");
      if (!existsSync(file)) continue;
      const files = filesOfModel(file);
      if (files === undefined) continue;
      const { model } = manifest.config;
      // The files of a local model are sources. The model of a compared experiment is not in this configuration.
      if (step !== "fetch" || existsSync(resolve(this.#locations.root, model.base))) continue;
      const folder = this.#locations.weights(model.base, model.revision);
      if (!existsSync(folder)) {
        this.#notes.add(`the weights of ${model.base} are not on this machine and were not checked`);
        continue;
      }
      for (const [name, expected] of Object.entries(files)) {
        const what = this.#differs(join(folder, name), expected);
        if (what !== undefined) flaw(step, join(folder, name), what);
      }
    }
  }

  #datasets({ manifest }: FinishedRun, flaw: (step: string, file: string, what: string) => void): void {
    const { config, steps } = manifest;
    for (const part of [config.data.train, config.data.validation, config.data.test]) {
      for (const { hub, revision, path, sha256 } of datasetFiles({ config, steps }, part)) {
        const file = join(datasetSnapshot(this.#locations.cache, hub, revision), path);
        if (!existsSync(file)) {
          this.#notes.add(`files of the data set ${hub} are not on this machine and were not checked`);
          continue;
        }
        const found = this.#read(file);
        if (typeof found === "string") flaw("fetch_data", file, found);
        else if (found.sha256 !== sha256) flaw("fetch_data", file, "was changed");
      }
    }
  }

  /** What is wrong with a file; undefined if it is as expected. */
  #differs(path: string, expected: StoredFile): string | undefined {
    const found = this.#read(path);
    if (typeof found === "string") return found;
    return found.sha256 === expected.sha256 && found.size === expected.size ? undefined : "was changed";
  }

  #read(path: string): StoredFile | string {
    const known = this.#files.get(path);
    if (known !== undefined) return known;
    const read = readFile(path);
    this.#files.set(path, read);
    return read;
  }
}

/** The digest and size of a file; a string is the reason why it cannot be read. */
function readFile(path: string): StoredFile | string {
  try {
    return digestUncached(path);
  } catch (error) {
    const reason = unreadableReason(error);
    if (reason === undefined) throw error;
    return reason;
  }
}

/** The files that a model.json lists; undefined if it is damaged, which its digest shows. */
function filesOfModel(file: string): Readonly<Record<string, StoredFile>> | undefined {
  try {
    const { files } = readResult("model.json", file);
    return isListing(files) ? files : undefined;
  } catch {
    return undefined;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** The files below a folder; links to folders are followed once, because they can form loops. */
function filesBelow(folder: string, prefix = "", seen = new Set<string>()): readonly string[] {
  const real = realpathSync(folder);
  if (seen.has(real)) return [];
  seen.add(real);
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return pathKind(path) === "folder" ? filesBelow(path, `${prefix}${name}/`, seen) : [`${prefix}${name}`];
  });
}
