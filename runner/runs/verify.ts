import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { StoredFile } from "../pipeline/plan/record.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { digestAfresh, listingDigest } from "../store/digest.ts";
import { type Finding, inspect, isFlaw } from "../store/inspect.ts";
import type { Store } from "../store/store.ts";
import type { Json } from "../util/canonical.ts";
import { canonicalJson } from "../util/canonical.ts";
import type { FinishedRun } from "./finished-runs.ts";
import { outputFolder, runDigits } from "./run-folder.ts";

/** A file that is not what a record says. */
export type Flaw = {
  /** What refers to it: "<experiment>/<run>, <step>", or "store". */
  readonly of: string;
  /** Relative to the project root. */
  readonly file: string;
  /** "is missing", "was changed", … */
  readonly what: string;
};

/** What was read, and what is wrong. */
export type Verified = {
  readonly files: number;
  readonly bytes: number;
  readonly flaws: readonly Flaw[];
  /** What could not be looked at here, and why that is no flaw. */
  readonly notes: readonly string[];
};

/** Where the files lie that runs refer to. */
export type VerifyWorld = {
  readonly root: string;
  readonly artifacts: string;
  /** Folder of the exp package: recipes and prompts that a project lacks come from there. */
  readonly packageRoot: string;
  /** Folder of a base model's weights, whether or not it is there. */
  weights(base: string, revision: string | undefined): string;
};

/** Reads files anew, each once however many runs refer to it, and collects what is wrong. */
export class Verifier {
  readonly #world: VerifyWorld;
  readonly #read = new Map<string, StoredFile | string>();
  readonly #flaws: Flaw[] = [];
  readonly #notes = new Set<string>();

  constructor(world: VerifyWorld) {
    this.#world = world;
  }

  /** What was found so far. */
  get verified(): Verified {
    const read = [...this.#read.values()].filter((one) => typeof one !== "string");
    return {
      files: read.length,
      bytes: read.reduce((sum, { size }) => sum + size, 0),
      flaws: this.#flaws,
      notes: [...this.#notes],
    };
  }

  /**
   * Looks at every file that a run refers to: its manifest by what is in its name, the outputs of its steps in the store and the
   * links to them, data, templates and locks as they are now, and the weights where they are on this machine.
   */
  run({ manifest, path }: FinishedRun): void {
    const { root, artifacts } = this.#world;
    const name = `${manifest.experiment}/${manifest.run}`;
    const flaw = (step: string, file: string, what: string): void => {
      this.#flaws.push({ of: step === "" ? name : `${name}, ${step}`, file: relative(root, file), what });
    };
    if (!manifest.run.endsWith(runDigits(manifest.config, manifest.steps))) {
      flaw("", path, "was changed: its configuration and outputs are not those that the run is named after");
    }
    for (const [step, { object, files }] of Object.entries(manifest.steps)) {
      if (listingDigest(files) !== object)
        flaw(step, path, "was changed: its list of files is not the stored object's");
      for (const [file, expected] of Object.entries(files)) {
        const stored = join(artifacts, "store/objects", object, file);
        const link = join(dirname(path), outputFolder(step), file);
        const found = existsSync(stored) || !existsSync(link) ? stored : link;
        const what = this.#differs(found, expected);
        if (what !== undefined) flaw(step, found, what);
        else if (found === stored && linkTarget(link) !== realpathSync(stored)) {
          flaw(step, link, existsSync(link) ? "is not the file that it was a link to" : "is missing");
        }
      }
    }
    this.#scores(manifest, path, flaw);
    for (const [source, sha256] of Object.entries(manifest.provenance.sources)) this.#source(source, sha256, flaw);
    this.#weights({ manifest, path }, flaw);
  }

  /** Looks at the whole store, whether or not a run refers to it. Throws UserError `manifest-unreadable`. */
  store(store: Pick<Store, "root" | "objectDir">): readonly Finding[] {
    const { root, artifacts } = this.#world;
    const findings = inspect(store, (path) => this.#look(path));
    for (const finding of findings.filter(isFlaw)) {
      this.#flaws.push({ of: "store", file: relative(root, join(artifacts, finding.path)), what: finding.what });
    }
    const count = (kind: Finding["kind"]): number => findings.filter((finding) => finding.kind === kind).length;
    const [left, orphans] = [count("leftover"), count("orphan")];
    if (left > 0) this.#notes.add(`${left} leftovers of processes that are gone, which the next run removes`);
    if (orphans > 0) this.#notes.add(`${orphans} stored folders to which nothing refers, which exp gc drops`);
    return findings;
  }

  /** Scores that the manifest repeats must be those of the stored metrics. */
  #scores(
    { arms, steps, experiment, run }: FinishedRun["manifest"],
    path: string,
    flaw: (step: string, file: string, what: string) => void,
  ): void {
    for (const [arm, views] of Object.entries(arms)) {
      const step = stepOfArm("evaluate", arm);
      const stored = join(this.#world.artifacts, "store/objects", steps[step]?.object ?? "", "metrics.json");
      const file = existsSync(stored) ? stored : join(dirname(path), outputFolder(step), "metrics.json");
      if (!existsSync(file)) continue;
      try {
        const metrics = JSON.parse(readFileSync(file, "utf8")) as { readonly views: Json };
        if (canonicalJson(metrics.views) === canonicalJson(views)) continue;
        flaw(step, path, `was changed: its scores of ${arm} are not those of metrics.json`);
      } catch {
        this.#notes.add(`${experiment}/${run}: metrics.json of ${arm} is no JSON, so that scores were not compared`);
      }
    }
  }

  #source(source: string, sha256: string, flaw: (step: string, file: string, what: string) => void): void {
    const { root, packageRoot } = this.#world;
    const own = resolve(root, source);
    const shipped = /(?:^|\/)((?:recipes|prompts)\/.*)$/.exec(source)?.[1];
    const path = existsSync(own) || shipped === undefined ? own : join(packageRoot, shipped);
    if (!existsSync(path)) {
      flaw("source", own, "is missing");
      return;
    }
    if (!statSync(path).isDirectory()) {
      const read = this.#look(path);
      const what = typeof read === "string" ? read : read.sha256 === sha256 ? undefined : "was changed";
      if (what !== undefined) flaw("source", path, what);
      return;
    }
    const listing: Record<string, StoredFile> = {};
    for (const file of filesBelow(path)) {
      const read = this.#look(join(path, file));
      if (typeof read !== "string") listing[file] = read;
    }
    if (listingDigest(listing) !== sha256) flaw("source", path, "was changed");
  }

  #weights({ manifest, path }: FinishedRun, flaw: (step: string, file: string, what: string) => void): void {
    const { artifacts } = this.#world;
    for (const [step, { kind, object }] of Object.entries(manifest.steps)) {
      if (kind !== "fetch") continue;
      const stored = join(artifacts, "store/objects", object, "model.json");
      const file = existsSync(stored) ? stored : join(dirname(path), outputFolder(step), "model.json");
      if (!existsSync(file)) continue;
      const { files } = JSON.parse(readFileSync(file, "utf8")) as {
        readonly files: Readonly<Record<string, StoredFile>>;
      };
      const { model } = manifest.config;
      // A local folder's files are sources; a compared experiment's model stands in its own configuration, not in this one.
      if (step !== "fetch" || existsSync(resolve(this.#world.root, model.base))) continue;
      const folder = this.#world.weights(model.base, model.revision);
      if (!existsSync(folder)) {
        this.#notes.add(`the weights of ${model.base} are not on this machine and were not looked at`);
        continue;
      }
      for (const [name, expected] of Object.entries(files)) {
        const what = this.#differs(join(folder, name), expected);
        if (what !== undefined) flaw(step, join(folder, name), what);
      }
    }
  }

  /** What is wrong with a file, in words; undefined where it is as expected. */
  #differs(path: string, expected: StoredFile): string | undefined {
    const found = this.#look(path);
    if (typeof found === "string") return found;
    return found.sha256 === expected.sha256 && found.size === expected.size ? undefined : "was changed";
  }

  #look(path: string): StoredFile | string {
    const known = this.#read.get(path);
    if (known !== undefined) return known;
    const read = readAfresh(path);
    this.#read.set(path, read);
    return read;
  }
}

/** A file's digest, or in words why there is none. */
function readAfresh(path: string): StoredFile | string {
  try {
    return digestAfresh(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (["ENOENT", "ENOTDIR", "ELOOP", "EISDIR"].includes(code)) return "is missing";
    if (["EACCES", "EPERM", "EIO"].includes(code)) return `cannot be read (${code})`;
    if (error instanceof Error && error.name === "FileChanged") return "is being changed";
    throw error;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function filesBelow(folder: string): readonly string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory() !== true)
    .sort();
}
