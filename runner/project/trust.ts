import { existsSync, lstatSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { LoadedExperiment } from "../config/loaded.ts";
import { backends } from "../plugins/backends/registry.ts";
import { datasetsOf } from "../plugins/data-part.ts";
import { engines } from "../plugins/engines/registry.ts";
import { executors, settingsOf } from "../plugins/executors/registry.ts";
import type { Experiment, Judge } from "../plugins/experiment.ts";
import { type OwnMetric, ownMetrics } from "../plugins/metrics/own-metric.ts";
import { canonicalJson, type Json, sha256 } from "../util/canonical.ts";
import type { Context } from "../util/context.ts";
import { gitIn } from "../util/git.ts";
import { isInside, linksWithin, realPath } from "../util/inside.ts";
import { namesIn } from "../util/names-in.ts";
import { pathKind, readOwnFile, readRegularFile } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { writeFileAtomic } from "../util/write-file.ts";
import { hasRemote, isInRepository, originOfClone, refuseForeignReferences } from "./authorship.ts";
import { configFolder } from "./user-config.ts";

/**
 * The origin of a study's files if another author made them, such as "an export". Undefined: there is no sign of
 * another author. `files` are the experiment's file and those that it extends, `links` the links to what it names.
 */
export function originOfStudy(
  root: string,
  files: readonly string[],
  links: readonly string[] = [],
): string | undefined {
  const isPackage = ["runs", "manifests"].some((folder) => existsSync(join(root, folder)));
  if (isPackage && existsSync(join(root, "checklist.md"))) return "a study package of exp export";
  const user = process.getuid?.();
  const isOthers = (uid: number): boolean => user !== undefined && uid !== user;
  const other =
    [root, ...files].find((path) => isOthers(statSync(path).uid)) ??
    links.find((link) => isOthers(lstatSync(link).uid));
  return other === undefined ? undefined : `another user, who owns ${relative(root, other) || other}`;
}

/**
 * What an experiment makes exp do outside its own study, one line each: `generate.base_url: "https://example.com"`. An
 * implementation declares its keys by `needsTrust`. `files` are those of `namedFiles`.
 */
export function privilegesOf(loaded: LoadedExperiment, files: Iterable<string>): readonly string[] {
  const lines = new Set<string>();
  for (const experiment of experimentsOf(loaded))
    for (const line of declaredPrivileges(experiment, loaded.root)) lines.add(line);
  return [...lines, ...fileLines(files, loaded.root)].sort();
}

function experimentsOf({ points, rungs }: LoadedExperiment): readonly Experiment[] {
  const all = [points, ...(rungs ?? [])].flat();
  return all.flatMap(({ experiment, final, compared }) => [experiment, ...(final ? [final] : []), ...compared]);
}

/** The files that an experiment names: its paths, the files in folders among them, and the reasons for its prompts. */
export function namedFiles(loaded: LoadedExperiment): readonly string[] {
  const paths = new Set<string>();
  const seen = new WeakSet<object>();
  for (const experiment of experimentsOf(loaded)) {
    addPaths(experiment, paths, seen);
    const { template, zero_shot } = experiment.prompt;
    for (const one of [template, ...(zero_shot === undefined ? [] : [zero_shot])]) {
      const reasons = join(dirname(resolve(loaded.root, one)), "README.md");
      // A report contains them only if they are in the study.
      if (existsSync(reasons) && isInside(dirname(reasons), loaded.root)) paths.add(reasons);
    }
  }
  const inFolders = [...paths].flatMap((path) =>
    pathKind(path) === "folder" && isInside(path, loaded.root) ? namesIn(path).map((name) => join(path, name)) : [],
  );
  return [...paths, ...inFolders];
}

/**
 * A line for each file that is outside the study, that a link of the study leads to, or that is hidden. A link that leads
 * to another file needs permission again.
 */
export function fileLines(files: Iterable<string>, root: string): readonly string[] {
  const realRoot = realPath(root);
  const lines = [...new Set(files)].flatMap((path): readonly string[] => {
    const real = realPath(path);
    if (!isInside(path, root)) {
      const isPlain = real === path || real === join(realRoot, relative(root, path));
      return [`file outside the study: ${shown(path)}${isPlain ? "" : `, a link to ${shown(real)}`}`];
    }
    const name = relative(realRoot, real);
    if (linksWithin(root, path).length > 0)
      return [`link of the study: ${shown(relative(root, path))} leads to ${shown(name)}`];
    const isHidden = name.split(sep).some((part) => part.startsWith("."));
    return isHidden && existsSync(path) ? [`hidden file of the study: ${shown(name)}`] : [];
  });
  return [...new Set(lines)].sort();
}

/** The files of metrics, whose code runs. Their author may be another than that of the experiment. */
export function metricFilesOf(loaded: LoadedExperiment): readonly string[] {
  return [...new Set(experimentsOf(loaded).flatMap(({ evaluate }) => ownMetrics(evaluate).map(({ file }) => file)))];
}

function declaredPrivileges(experiment: Experiment, root: string): readonly string[] {
  const { data, generate, train, resources, evaluate } = experiment;
  const engine = engines.find(generate.engine);
  const ofEngine = privileged("generate", generate, engine?.needsTrust);
  return [
    ...(ofEngine.length > 0 ? [`generate.engine: ${shown(generate.engine)}`, ...ofEngine] : []),
    ...(train === undefined ? [] : privileged("train", train, backends.find(train.backend)?.needsTrust)),
    ...[...executors].flatMap((one) => privileged(`resources.${one.name}`, settingsOf(resources, one), one.needsTrust)),
    // The user's token opens data sets that others cannot read.
    ...Object.entries(datasetsOf(data)).map(([name, { hub }]) => `data.${name}.hub: ${shown(hub)}`),
    ...uploadPrivileges(experiment),
    ...(evaluate.judge === undefined ? [] : judgePrivileges(evaluate.judge)),
    ...ownMetrics(evaluate).map((metric) => metricPrivilege(metric, root)),
  ];
}

function judgePrivileges({ generate }: Judge): readonly string[] {
  const lines = privileged("evaluate.judge.generate", generate, engines.find(generate.engine)?.needsTrust);
  return lines.length === 0 ? [] : [`evaluate.judge.generate.engine: ${shown(generate.engine)}`, ...lines];
}

/** The line of `privilegesOf` about the code of a metric. Changed code needs permission again. */
export function metricPrivilege({ name, file }: Pick<OwnMetric, "name" | "file">, root: string): string {
  const bytes = existsSync(file) ? readRegularFile(file, "metric file") : "";
  return `evaluate.metrics, ${name}: runs the code of ${shown(relative(root, file))}, sha256 ${sha256(bytes).slice(0, shownDigits)}`;
}

/** The lines of `privilegesOf` about an upload: where it goes, who can read it, and whether it may contain a row. */
export function uploadPrivileges({ upload, data }: Pick<Experiment, "upload" | "data">): readonly string[] {
  if (upload === undefined) return [];
  return [
    ...privileged("upload", upload, ["repo", "predictions", "private"]),
    ...(data.origin?.publish === true ? privileged("data.origin", data.origin, ["publish"]) : []),
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

/**
 * A value of a file as JSON whose characters are all visible, without long blanks. An address whose host has other
 * letters than those of ASCII is followed by the host that is asked.
 */
function shown(value: unknown): string {
  const text = JSON.stringify(value)
    .replaceAll(/ {9,}/g, (blank) => `\\u{20} x ${blank.length}`)
    .replaceAll(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu,
      (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
    );
  if (typeof value !== "string" || !/^https?:/i.test(value) || !URL.canParse(value)) return text;
  const asked = new URL(value).origin;
  return value.toLowerCase().startsWith(asked) ? text : `${text} (${asked})`;
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
 * The origin of the stored results of a project if another user owns their folder, or if they came with a repository,
 * and what using them needs permission for: each of them may be a cache hit. Undefined: this user made them, or there
 * are none.
 */
export function foreignResults(root: string): Pick<TrustRequest, "origin" | "privileges"> | undefined {
  const artifacts = join(root, "artifacts");
  if (!existsSync(artifacts)) return undefined;
  const user = process.getuid?.();
  const folders = ["", "store", "store/keys", "store/objects", "runs", "predictions"].map((name) =>
    join(artifacts, name),
  );
  const stats = folders.map((path) => ({ path, stat: statSync(path, { throwIfNoEntry: false }) }));
  const foreign = stats.find(({ stat }) => user !== undefined && stat !== undefined && stat.uid !== user)?.path;
  const isOpen = foreign !== undefined || stats.some(({ stat }) => stat !== undefined && (stat.mode & 0o022) !== 0);
  // In a folder of this user that nobody else can write to, all files are of this user.
  const files = user === undefined || !isOpen ? [] : filesOfOthers(artifacts, user);
  const other = foreign ?? files[0];
  if (other !== undefined) {
    const name = relative(root, other);
    return {
      origin: `another user, who owns ${name}`,
      privileges: [`results that another user stored: ${shown(name)}, sha256 ${digestOfResults(files)}`],
    };
  }
  if (!isInRepository(root)) return undefined;
  const git = gitIn(root);
  try {
    if (!hasRemote(git)) return undefined;
    const files = git("ls-files", "--stage", "-z", "--", "artifacts").split("\0");
    refuseForeignReferences(root, files);
    const listed = files.filter((line) => line !== "" && !/^[^\t]*\tartifacts\/README\.md$/.test(line)).join("\0");
    if (listed === "") return undefined;
    return {
      origin: "a clone of a repository",
      privileges: [`results that the repository has: "artifacts", ${sha256(listed).slice(0, shownDigits)}`],
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    const privileges = ['results in a repository that git cannot read: "artifacts"'];
    return { origin: "a repository in which git cannot tell whose results it has", privileges };
  }
}

/** The records and manifests of a project that other users own, below its folder `artifacts`. */
function filesOfOthers(artifacts: string, user: number): readonly string[] {
  const predictions = join(artifacts, "predictions");
  const stores = ["store", ...namesIn(predictions).map((name) => join("predictions", name, "store"))];
  const keys = stores.map((store) => join(artifacts, store, "keys"));
  const runs = join(artifacts, "runs");
  const runFolders = namesIn(runs).flatMap((name) => namesIn(join(runs, name)).map((run) => join(runs, name, run)));
  return [
    ...keys.flatMap((folder) => namesIn(folder).map((name) => join(folder, name))),
    ...runFolders.filter((path) => basename(path) !== "latest").map((path) => join(path, "manifest.json")),
  ].filter((path) => (statSync(path, { throwIfNoEntry: false })?.uid ?? user) !== user);
}

/** Digest of records and manifests, which name the digest of each file of a result. */
function digestOfResults(files: readonly string[]): string {
  const lines = files.map((path) => `${path}\0${pathKind(path) === "file" ? sha256(readOwnFile(path)) : ""}`);
  return sha256(lines.sort().join("\n")).slice(0, shownDigits);
}

/** Digits of a digest in a permission. The author can prepare two files with equal digits if there are few. */
const shownDigits = 40;

/** The origin of a file that exp wrote for itself, if another user owns it, or if it came with a repository. */
export function originOfFile(path: string): string | undefined {
  const user = process.getuid?.();
  const isOther = user !== undefined && statSync(path).uid !== user;
  return isOther ? `another user, who owns ${basename(path)}` : originOfClone([path]);
}
