import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem, type } from "node:os";
import type { Json } from "../util/canonical.ts";
import type { Provenance } from "./manifest.ts";

/** What one run adds to what every run of a command shares. */
type OfRun = {
  /** Environment -> its lock file and that file's sha256. */
  readonly locks: Readonly<Record<string, { readonly path: string; readonly sha256: string }>>;
  readonly seeds: Readonly<Record<string, number>>;
  readonly sources: Readonly<Record<string, string>>;
};

/** What the machine and the project say of themselves when runs are sealed: asked once, however many runs there are. */
export function openProvenance(given: {
  readonly exp: string;
  readonly root: string;
  readonly gpus: Json;
  /** The commit that an image was built of, as `git describe` says it with "-dirty": for where there is no repository. */
  readonly imageOf?: string | undefined;
}): (run: OfRun) => Provenance {
  const shared = once(() => ({
    exp: given.exp,
    node: process.versions.node,
    git: gitState(given.root) ?? stated(given.imageOf),
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

/** Packages and versions that a lock file pins. */
function pinned(lock: string): Record<string, string> {
  const packages: Record<string, string> = {};
  for (const [, name, version] of lock.matchAll(/^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)/gm)) {
    packages[name as string] = version as string;
  }
  return packages;
}

/** "<40 hex digits>" or "<40 hex digits>-dirty". */
function stated(commit = ""): Provenance["git"] {
  const [, hex, dirty] = /^([0-9a-f]{40})(-dirty)?$/.exec(commit) ?? [];
  return hex === undefined ? null : { commit: hex, dirty: dirty !== undefined };
}

function gitState(root: string): Provenance["git"] {
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", root, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return { commit: git("rev-parse", "HEAD"), dirty: git("status", "--porcelain", "--untracked-files=no") !== "" };
  } catch {
    return null;
  }
}
