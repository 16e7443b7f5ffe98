import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { backends } from "../plugins/backends/registry.ts";
import { engines } from "../plugins/engines/registry.ts";
import { executors, settingsOf } from "../plugins/executors/registry.ts";
import type { Experiment } from "../plugins/experiment.ts";
import { canonicalJson, type Json, sha256 } from "../util/canonical.ts";
import type { Context } from "../util/context.ts";
import { isInside } from "../util/inside.ts";
import { UserError } from "../util/user-error.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import { configFolder } from "./user-config.ts";

/**
 * The origin of a study's files if another author made them, such as "an export". Undefined: there is no sign of another author.
 * `files` are the experiment's file and those that it extends.
 */
export function originOfStudy(root: string, files: readonly string[]): string | undefined {
  if (existsSync(join(root, "manifests")) && existsSync(join(root, "checklist.md")))
    return "a study package of exp export";
  const user = process.getuid?.();
  const other = [root, ...files].find((path) => user !== undefined && statSync(path).uid !== user);
  return other === undefined ? undefined : `another user, who owns ${relative(root, other) || other}`;
}

/**
 * What an experiment makes exp do outside its own study, one line each: `generate.base_url: "https://example.com"`. An
 * implementation declares its keys by `needsTrust`.
 */
export function privilegesOf(
  loaded: LoadedExperiment,
  outside: Iterable<string>,
  packageRoot: string,
): readonly string[] {
  const lines = new Set<string>();
  const paths = new Set<string>();
  const seen = new WeakSet<object>();
  for (const point of [loaded.points, ...(loaded.rungs ?? [])].flat()) {
    for (const experiment of [point.experiment, ...(point.final ? [point.final] : []), ...point.compared]) {
      for (const line of declaredPrivileges(experiment)) lines.add(line);
      addPaths(experiment, paths, seen);
    }
  }
  const isOwn = (path: string): boolean => isInside(path, loaded.root) || isInside(path, join(packageRoot, "prompts"));
  const files = new Set([...outside, ...[...paths].filter((path) => !isOwn(path))]);
  return [...lines, ...[...files].map((path) => `file outside the study: ${shown(path)}`)].sort();
}

function declaredPrivileges(experiment: Experiment): readonly string[] {
  const { generate, train, resources, upload } = experiment;
  const engine = engines.find(generate.engine);
  const ofEngine = privileged("generate", generate, engine?.needsTrust);
  return [
    ...(ofEngine.length > 0 ? [`generate.engine: ${shown(generate.engine)}`, ...ofEngine] : []),
    ...(train === undefined ? [] : privileged("train", train, backends.find(train.backend)?.needsTrust)),
    ...[...executors].flatMap((one) => privileged(`resources.${one.name}`, settingsOf(resources, one), one.needsTrust)),
    ...(upload === undefined ? [] : [`upload.repo: ${shown(upload.repo)}`]),
  ];
}

/** The keys of a section that need permission and have a value. */
function privileged(section: string, settings: object, keys: readonly string[] = []): readonly string[] {
  return keys.flatMap((key) => {
    const value = (settings as Readonly<Record<string, unknown>>)[key];
    const isEmpty = value === undefined || (typeof value === "object" && Object.keys(value ?? {}).length === 0);
    return isEmpty ? [] : [`${section}.${key}: ${shown(value)}`];
  });
}

/** Adds every absolute path in a value. Paths of a loaded experiment are absolute, and its points share their parts. */
function addPaths(value: unknown, paths: Set<string>, seen: WeakSet<object>): void {
  if (typeof value === "string" && isAbsolute(value)) paths.add(value);
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  for (const item of Object.values(value)) addPaths(item, paths, seen);
}

/** A value of a file as JSON whose characters are all visible. */
function shown(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}

/** The permission that a foreign study needs. */
export type TrustRequest = {
  /** For people: the experiment or the run. */
  readonly name: string;
  readonly origin: string;
  readonly root: string;
  readonly privileges: readonly string[];
};

/**
 * Returns if the user has allowed all of it for this project, or allows it now with --trust; that is remembered in the
 * user's configuration. Throws UserError `untrusted`, whose message lists everything.
 */
export function requireTrust(
  { name, origin, root, privileges }: TrustRequest,
  isAllowed: boolean,
  context: Context,
): void {
  if (privileges.length === 0) return;
  const allowed = { root: realpathSync(root), privileges } satisfies Json;
  const file = join(configFolder(context.env), "trusted", `${sha256(canonicalJson(allowed))}.json`);
  if (existsSync(file)) return;
  const list = privileges.map((line) => `\n  ${line}`).join("");
  if (!isAllowed) {
    throw new UserError("untrusted", `${name} comes from ${origin}. It needs your permission for:${list}`, {
      help: "to allow exactly this in this project, run again with --trust",
      status: "refused",
    });
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileAtomic(file, `${JSON.stringify({ schema: 1, ...allowed, at: new Date().toISOString() }, null, 1)}\n`);
  context.err(`exp: allowed for ${name}:${list}\n`);
}

/**
 * The author of the last commit to a file of a clone, if it is not the user of this machine: "a clone whose file was committed by a@b.c".
 * Undefined: it is not in a repository with a remote, or the user committed it.
 */
export function originOfClone(file: string): string | undefined {
  // The repository is not trusted: none of its settings may run a program.
  const safe = ["-c", "core.fsmonitor=false", "-c", "log.showSignature=false", "--no-pager"];
  const git = (...args: readonly string[]): string | undefined => {
    const run = ["-C", dirname(file), ...safe, ...args];
    try {
      return execFileSync("git", run, {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        timeout: 10_000,
      }).trim();
    } catch {
      return undefined;
    }
  };
  if (!git("config", "--get-regexp", "^remote\\..*\\.url$")) return undefined;
  const author = git("log", "-1", "--format=%ae", "--no-show-signature", "--", file);
  if (!author || author === git("config", "--global", "user.email")) return undefined;
  return `a clone of a repository, where ${author} committed it`;
}
