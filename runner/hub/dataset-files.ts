import { parseDocument } from "yaml";
import { formatByName, formatNames } from "../data/formats.ts";
import { type GlobSteps, GlobStepsUsed, isGlob, matchesGlob } from "../util/glob.ts";
import { UserError } from "../util/user-error.ts";

/** The rows of a hub data set that a key of `data` names. */
export type DatasetPart = {
  /** owner/name */
  readonly hub: string;
  /** Commit. */
  readonly revision: string;
  readonly config?: string;
  readonly split?: string;
  /** Paths or globs in the repository, in place of config and split. */
  readonly files?: string | readonly string[];
};

/** "owner/name@0123456789ab (config, split)" */
export function datasetText({ hub, revision, config, split, files }: DatasetPart): string {
  const of = [config, split, ...[files ?? []].flat()].filter((one) => one !== undefined);
  return `${hub}@${revision.slice(0, 12)}${of.length === 0 ? "" : ` (${of.join(", ")})`}`;
}

/** The files of a repository, and the text of its README. */
type RepositoryFiles = {
  readonly paths: readonly string[];
  readonly readme: string | undefined;
  readonly steps?: number;
};

/** Most files of a part. */
const mostFiles = 1000;

/**
 * The files with the rows of a part, sorted: those that `files` names, else those of its configuration and split. These
 * are what the README of the repository declares, else what the names of folders and files tell. `paths` are all files of
 * the repository. `split` is the one of a part that names none; `steps` limits the matching of globs of the README.
 * Throws UserError.
 */
export function filesOfPart(part: DatasetPart, split: string, repository: RepositoryFiles): readonly string[] {
  const { paths } = repository;
  const found = part.files === undefined ? filesOfSplit(part, split, repository) : namedFiles(part, paths);
  const unread = found.find((path) => formatByName(path) === undefined);
  if (unread !== undefined)
    throw wrong(`${part.hub} has its rows in ${unread}, a form that exp does not read`, parquetHelp);
  if (found.length > mostFiles)
    throw wrong(
      `${datasetText(part)} has more than ${mostFiles} files`,
      'name some of them: files: "data/train-0*.parquet"',
    );
  return [...new Set(found)].sort();
}

const parquetHelp =
  "the hub converts many data sets to parquet: run exp pin FILE --to refs/convert/parquet, or name files: of the repository";

function namedFiles(part: DatasetPart, paths: readonly string[]): readonly string[] {
  return [part.files ?? []].flat().flatMap((glob) => {
    const found = paths.filter((path) => (isGlob(glob) ? matchesGlob(path, glob) : path === glob));
    if (found.length === 0) {
      const data = paths.filter((path) => formatByName(path) !== undefined);
      throw wrong(`${part.hub} has no file ${glob} at this commit`, `its files: ${listed(data)}`);
    }
    return found;
  });
}

function filesOfSplit(
  part: DatasetPart,
  split: string,
  { paths, readme, steps = mostGlobSteps }: RepositoryFiles,
): readonly string[] {
  const wanted = part.split ?? split;
  const splits = declaredSplits(part, { paths, readme, steps }) ?? splitsByName(part, paths);
  const found = splits.get(wanted) ?? splits.get(usualName(wanted));
  if (found !== undefined) return found;
  if (splits.size === 0) throw wrong(`${part.hub} has no file with rows that exp reads (${formatNames})`, parquetHelp);
  const names = [...splits.keys()];
  const help =
    part.split === undefined && names.length === 1 && wanted === "test"
      ? `write test: {fraction: 0.2}, or split: ${names[0]}`
      : `write split: with one of ${listed(names)}`;
  throw wrong(`${part.hub} has no split "${wanted}"; it has ${listed(names)}`, help);
}

type Configuration = {
  readonly config_name?: unknown;
  readonly data_files?: unknown;
  readonly data_dir?: unknown;
  readonly default?: unknown;
};

/** The splits of a configuration that the README declares; undefined if it declares none. */
function declaredSplits(
  part: DatasetPart,
  { paths, readme = "", steps }: RepositoryFiles & { readonly steps: number },
): ReadonlyMap<string, readonly string[]> | undefined {
  const configurations = declaredIn(readme).filter(
    ({ data_files, data_dir }) => (data_files ?? data_dir) !== undefined,
  );
  const [only] = configurations;
  if (only === undefined) return undefined;
  const nameOf = ({ config_name }: Configuration): string => String(config_name ?? "default");
  const chosen =
    part.config !== undefined
      ? configurations.find((one) => nameOf(one) === part.config)
      : configurations.length === 1
        ? only
        : (configurations.find((one) => one.default === true) ??
          configurations.find((one) => nameOf(one) === "default"));
  if (chosen === undefined) {
    const what = part.config === undefined ? "several configurations" : `no configuration "${part.config}"`;
    throw wrong(`${part.hub} has ${what}`, `write config: with one of ${listed(configurations.map(nameOf))}`);
  }
  const folder = typeof chosen.data_dir === "string" ? `${chosen.data_dir.replace(/(?<!\/)\/+$/, "")}/` : "";
  if (chosen.data_files === undefined)
    return splitsByName(
      { ...part },
      paths.filter((path) => path.startsWith(folder)),
      true,
    );
  return declaredFiles(dataFilesOf(chosen.data_files), { hub: part.hub, folder, paths, steps: { left: steps } });
}

/** The author of a data set writes the globs of its README: matching them takes some seconds at most. */
const mostGlobSteps = 3e8;

function declaredFiles(
  declared: ReturnType<typeof dataFilesOf>,
  {
    hub,
    folder,
    paths,
    steps,
  }: { readonly hub: string; readonly folder: string; readonly paths: readonly string[]; readonly steps: GlobSteps },
): ReadonlyMap<string, readonly string[]> {
  const splits = new Map<string, Set<string>>();
  try {
    for (const { split, globs } of declared) {
      const found = splits.get(split) ?? new Set<string>();
      const all = globs.map((glob) => `${folder}${glob.replace(/^\.\//, "")}`);
      for (const path of paths) if (all.some((glob) => matchesGlob(path, glob, steps))) found.add(path);
      if (found.size > 0) splits.set(split, found);
    }
  } catch (error) {
    if (!(error instanceof GlobStepsUsed)) throw error;
    throw wrong(
      `the README of ${hub} declares its files by too many patterns`,
      'name the files: files: "data/train-*.parquet"',
    );
  }
  return new Map([...splits].map(([split, found]) => [split, [...found]]));
}

/** `data_files` of a README: a path, a list of paths, or a list of splits with their paths. */
function dataFilesOf(value: unknown): readonly { readonly split: string; readonly globs: readonly string[] }[] {
  const texts = (of: unknown): readonly string[] => [of].flat().filter((one) => typeof one === "string");
  const items = [value].flat();
  const named = items.filter(
    (item): item is { split?: unknown; path?: unknown } => typeof item === "object" && item !== null,
  );
  if (named.length > 0)
    return named.map(({ split, path }) => ({ split: String(split ?? "train"), globs: texts(path) }));
  return [{ split: "train", globs: texts(value) }];
}

/** `configs` in the YAML at the start of a README. Anything else in it does not matter. */
function declaredIn(readme: string): readonly Configuration[] {
  const yaml = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme)?.[1];
  if (yaml === undefined) return [];
  try {
    const value: unknown = parseDocument(yaml, { uniqueKeys: false }).toJS({ maxAliasCount: 10 });
    const configs = (value as { readonly configs?: unknown } | null)?.configs;
    return Array.isArray(configs) ? configs.filter((one) => typeof one === "object" && one !== null) : [];
  } catch {
    return [];
  }
}

const usual: Readonly<Record<string, string>> = {
  train: "train",
  training: "train",
  validation: "validation",
  valid: "validation",
  val: "validation",
  dev: "validation",
  test: "test",
  testing: "test",
  eval: "test",
  evaluation: "test",
};

const usualName = (split: string): string =>
  Object.hasOwn(usual, split.toLowerCase()) ? (usual[split.toLowerCase()] as string) : split;

/** The splits that the names of folders and files tell. A configuration is a folder. */
function splitsByName(
  { config, hub }: DatasetPart,
  paths: readonly string[],
  isChosen = false,
): ReadonlyMap<string, readonly string[]> {
  const all = paths.filter(
    (path) => formatByName(path) !== undefined && !/(^|\/)(\.|dataset_infos?\.json$)/.test(path),
  );
  const inFolder = config === undefined || isChosen ? all : all.filter((path) => path.startsWith(`${config}/`));
  if (all.length > 0 && inFolder.length === 0) {
    const folders = [...new Set(all.flatMap((path) => (path.includes("/") ? [path.slice(0, path.indexOf("/"))] : [])))];
    const help = folders.length === 0 ? "remove config" : `write config: with one of ${listed(folders)}`;
    throw wrong(`${hub} has no configuration "${config}"`, help);
  }
  const bySplit = new Map<string, string[]>();
  for (const path of inFolder) {
    const split = splitOf(path);
    if (split === undefined) continue;
    const known = bySplit.get(split);
    if (known === undefined) bySplit.set(split, [path]);
    else known.push(path);
  }
  if (bySplit.size > 0 || inFolder.length === 0) return bySplit;
  return new Map([["train", inFolder]]);
}

/** The split that a path names: "data/train-00000-of-00002.parquet", "default/test/0000.parquet", "my_train.csv". */
function splitOf(path: string): string | undefined {
  const [name = "", ...folders] = path.split("/").reverse();
  const [, sharded] = /^(.+?)-\d{5}-of-\d{5}\./.exec(name) ?? [];
  if (sharded !== undefined) return usualName(sharded);
  for (const part of [name.replace(/\..*$/, ""), ...folders]) {
    const word = part
      .toLowerCase()
      .split(/[^a-z]+/)
      .find((one) => Object.hasOwn(usual, one));
    if (word !== undefined) return usual[word];
  }
  return undefined;
}

const listed = (names: readonly string[]): string =>
  names.length === 0 ? "none" : `${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`;

const wrong = (message: string, help: string): UserError =>
  new UserError("dataset-part", message, { help, status: "invalid" });
