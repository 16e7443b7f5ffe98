import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import type { Plan, PlannedStep } from "../pipeline/plan/plan.ts";
import type { Digests } from "../store/digest.ts";
import { UserError } from "../util/user-error.ts";
import { recipeFiles, type Snapshot, takeSnapshot } from "./snapshot.ts";

/**
 * The sources of a plan as they were when its first step started. Small sources are copied, and steps read the copies;
 * large ones are checked again after each step that reads them. So edits during a run never change what a step reads
 * unnoticed.
 */
export class SourceSnapshot {
  readonly #plan: Plan;
  readonly #folder: string;
  readonly #packageRoot: string;
  readonly #digests: Digests;
  readonly #claim: (name: string) => void;
  #snapshot: Snapshot | undefined;
  /** Path of a source that was not copied -> its state before the first step. */
  readonly #states = new Map<string, string>();

  constructor(
    plan: Plan,
    given: {
      readonly folder: string;
      readonly packageRoot: string;
      readonly digests: Digests;
      /** Registers a snapshot as used, before it is taken. */
      claim(name: string): void;
    },
  ) {
    this.#plan = plan;
    this.#folder = given.folder;
    this.#packageRoot = given.packageRoot;
    this.#digests = given.digests;
    this.#claim = given.claim;
  }

  /** Copies the sources on the first call. Throws UserError if one has changed since it was planned. */
  #take(): Snapshot {
    if (this.#snapshot !== undefined) return this.#snapshot;
    const recipes = recipeFiles(this.#packageRoot);
    const own: Record<string, string> = {};
    for (const { draft } of this.#plan.steps) {
      for (const path of Object.values(draft.sources)) own[snapshotName(path)] = path;
    }
    const snapshot = takeSnapshot(this.#folder, { ...own, ...recipes }, this.#claim);
    for (const { draft, sourceDigests } of this.#plan.steps) {
      for (const [name, path] of Object.entries(draft.sources)) {
        const copied = snapshot.digests[recipes[name] === path ? name : snapshotName(path)];
        if (copied === undefined && !this.#states.has(path)) this.#states.set(path, this.#digests.state(path));
        if ((copied ?? this.#digests.of(path)) !== sourceDigests[name]) throw changed(name, path);
      }
    }
    this.#snapshot = snapshot;
    return snapshot;
  }

  /** Folder that contains recipes/. Its content is exact whenever this is read. */
  get code(): string {
    const snapshot = this.#take();
    snapshot.restore();
    return snapshot.folder;
  }

  /** The path at which a step reads one of its sources. */
  path(step: PlannedStep, name: string): string {
    return this.#take().path(snapshotName(step.draft.sources[name] as string));
  }

  /** An error with the original paths of sources in place of those of the copies. */
  withOriginalPaths(step: PlannedStep, error: UserError): UserError {
    const named = (text: string): string =>
      Object.entries(step.draft.sources).reduce(
        (result, [name, path]) => result.replaceAll(this.path(step, name), () => path),
        text,
      );
    const { code, message, help, log, status, diagnostics } = error;
    return new UserError(code, named(message), {
      help: help === undefined ? help : named(help),
      log,
      status,
      diagnostics,
    });
  }

  /** Checks the sources that were not copied. Throws UserError if one has changed since it was planned. */
  verify(step: PlannedStep): void {
    const { digests } = this.#take();
    for (const [name, path] of Object.entries(step.draft.sources)) {
      if (digests[snapshotName(path)] !== undefined) continue;
      // The content may be the same again, although the step has read another one.
      if (this.#digests.state(path) !== this.#states.get(path)) throw changed(name, path);
    }
  }
}

/** Logical name of a source in a snapshot, unique for each path. */
export function snapshotName(path: string): string {
  return join("sources", createHash("sha256").update(path).digest("hex").slice(0, 12), basename(path));
}

function changed(name: string, path: string): UserError {
  return new UserError("source-changed", `${name} changed during the run: ${path}`, {
    help: "run again: steps that do not depend on it are cached",
  });
}
