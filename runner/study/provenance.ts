import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem, type } from "node:os";
import type { Json } from "../plan/step.ts";
import type { Provenance } from "./manifest.ts";

/** What the machine and the project say of themselves when a run is sealed. */
export function provenanceOf(given: {
  readonly exp: string;
  readonly root: string;
  readonly gpus: Json;
  /** Environment -> its lock file and that file's sha256. */
  readonly locks: Readonly<Record<string, { readonly path: string; readonly sha256: string }>>;
  readonly seeds: Readonly<Record<string, number>>;
  readonly sources: Readonly<Record<string, string>>;
}): Provenance {
  const locks = Object.entries(given.locks);
  return {
    exp: given.exp,
    node: process.versions.node,
    git: gitState(given.root),
    os: `${type()} ${release()} ${arch()}`,
    hardware: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, memory: totalmem(), gpus: given.gpus },
    locks: Object.fromEntries(locks.map(([name, { sha256 }]) => [name, sha256])),
    packages: Object.fromEntries(locks.map(([name, { path }]) => [name, pinned(readFileSync(path, "utf8"))])),
    seeds: given.seeds,
    sources: given.sources,
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

function gitState(root: string): Provenance["git"] {
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", root, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return { commit: git("rev-parse", "HEAD"), dirty: git("status", "--porcelain", "--untracked-files=no") !== "" };
  } catch {
    return null;
  }
}
