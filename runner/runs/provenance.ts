import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem, type } from "node:os";
import type { PlannedStep } from "../pipeline/plan/plan.ts";
import { lockSource } from "../plugins/step-work.ts";
import type { Json } from "../util/canonical.ts";
import { gitIn } from "../util/git.ts";
import type { Provenance } from "./manifest.ts";

/** Environment -> its lock file and the sha256 of that file. */
type Locks = Readonly<Record<string, { readonly path: string; readonly sha256: string }>>;

/** The part of a run's provenance that differs between the runs of one command. */
type RunProvenance = {
  readonly locks: Locks;
  readonly seeds: Readonly<Record<string, number>>;
  readonly sources: Readonly<Record<string, string>>;
  readonly rationale: Readonly<Record<string, string>>;
};

/** Provenance of the runs that one command seals. Facts about the machine and the project are read once. */
export function openProvenance(given: {
  readonly exp: string;
  readonly root: string;
  readonly gpus: Json;
  /** The commit that a container image was built from, with "-dirty" if it had changes. For a folder without repository. */
  readonly imageOf?: string | undefined;
}): (run: RunProvenance) => Provenance {
  const shared = once(() => ({
    exp: given.exp,
    node: process.versions.node,
    git: gitState(given.root) ?? imageCommit(given.imageOf),
    os: `${type()} ${release()} ${arch()}`,
    hardware: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, memory: totalmem(), gpus: given.gpus },
  }));
  const packages = new Map<string, Record<string, string>>();
  const packagesOf = (path: string): Record<string, string> => {
    const known = packages.get(path) ?? pinned(readFileSync(path, "utf8"));
    packages.set(path, known);
    return known;
  };
  return (run) => {
    const locks = Object.entries(run.locks);
    return {
      ...shared(),
      locks: Object.fromEntries(locks.map(([name, { sha256 }]) => [name, sha256])),
      packages: Object.fromEntries(locks.map(([name, { path }]) => [name, packagesOf(path)])),
      seeds: run.seeds,
      sources: run.sources,
      ...(Object.keys(run.rationale).length === 0 ? {} : { rationale: run.rationale }),
    };
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * The lock files of every Python environment that the stored steps of a run ran in: training, merge, answers and baselines.
 * Preflight does not count, because it writes no result.
 */
export function locksOf(steps: Iterable<PlannedStep>): Locks {
  const locks: Record<string, Locks[string]> = {};
  for (const { kind, draft, sourceDigests } of steps) {
    const { environment } = draft;
    if (environment === undefined || !kind.cached) continue;
    const source = lockSource(environment);
    locks[environment] = { path: draft.sources[source] as string, sha256: sourceDigests[source] as string };
  }
  return locks;
}

/** Every seed in a resolved experiment, by its path: "train.seed" -> 42. */
export function seedsIn(config: Json, path = ""): Record<string, number> {
  if (typeof config !== "object" || config === null || Array.isArray(config)) return {};
  const seeds: Record<string, number> = {};
  for (const [key, value] of Object.entries(config)) {
    const at = path === "" ? key : `${path}.${key}`;
    if (key === "seed" && typeof value === "number") seeds[at] = value;
    else Object.assign(seeds, seedsIn(value as Json, at));
  }
  return seeds;
}

/** Package -> version, from a lock file. */
function pinned(lock: string): Record<string, string> {
  const packages: Record<string, string> = {};
  for (const [, name, version] of lock.matchAll(/^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)/gm)) {
    packages[name as string] = version as string;
  }
  return packages;
}

/** "<40 hex digits>" or "<40 hex digits>-dirty". */
function imageCommit(commit = ""): Provenance["git"] {
  const [, hex, dirty] = /^([0-9a-f]{40})(-dirty)?$/.exec(commit) ?? [];
  return hex === undefined ? null : { commit: hex, dirty: dirty !== undefined };
}

function gitState(root: string): Provenance["git"] {
  const git = gitIn(root);
  try {
    // Changed files of a submodule do not count: git would read its settings too.
    const status = ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty"];
    return { commit: git("rev-parse", "HEAD"), dirty: git(...status) !== "" };
  } catch {
    return null;
  }
}
