/** Who made the files of a repository, according to git. */
import { existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { type Git, gitIn } from "../util/git.ts";
import { isInside } from "../util/inside.ts";
import { namesIn } from "../util/names-in.ts";
import { UserError } from "../util/user-error.ts";

/**
 * The origin of files of a clone unless the user committed each of them on this machine: "a clone of a repository, where a@b.c
 * committed x.yaml". The address alone proves nothing: an author writes any address into a commit. Undefined: the files are in
 * no repository with a remote, the user made the last commits here, or they are not committed.
 */
export function originOfClone(files: readonly string[]): string | undefined {
  // git names no author of a path through a link, or with other case than its own.
  return authorOf(files.flatMap((path) => [realpathSync.native(path), ...linksOn(path)]));
}

function authorOf(files: readonly string[]): string | undefined {
  for (const file of files) {
    const folder = dirname(file);
    if (!isInRepository(folder)) continue;
    const git = gitIn(folder);
    try {
      if (!hasRemote(git)) continue;
      const [commit, author] = git("log", "-1", "--format=%H %ae", "--", file).split(" ");
      if (!commit || (author === userAddress(git) && isMadeHere(commit, git))) continue;
      return `a clone of a repository, where ${author} committed ${basename(file)}`;
    } catch {
      return `a repository in which git cannot tell who committed ${basename(file)}`;
    }
  }
  return undefined;
}

/**
 * Throws UserError `linked-folder` if artifacts/, or a folder in which exp writes below it, is a link that came with a repository
 * and leads out of the project: its author would choose where exp writes and deletes files.
 */
export function refuseForeignLinks(root: string): void {
  const artifacts = join(root, "artifacts");
  const below = [artifacts, join(artifacts, "store"), join(artifacts, "runs")].flatMap((folder) =>
    namesIn(folder).map((name) => join(folder, name)),
  );
  const links = [artifacts, ...below].filter(
    (path) =>
      lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && !(existsSync(path) && isInside(path, root)),
  );
  for (const link of links) {
    const origin = authorOf([join(realpathSync.native(dirname(link)), basename(link))]);
    if (origin === undefined) continue;
    const message = `${relative(root, link)} is a link that leaves the project, and comes from ${origin}`;
    throw new UserError("linked-folder", message, { help: "delete the link", status: "refused" });
  }
}

/** The links on the way to a file. The author of a link decides which file is read or written. */
function linksOn(path: string): readonly string[] {
  const parent = dirname(path);
  if (parent === path) return [];
  const isLink = lstatSync(path).isSymbolicLink();
  return [...linksOn(parent), ...(isLink ? [join(realpathSync.native(parent), basename(path))] : [])];
}

/** Throws if git does not accept the repository: `git config` alone then lists the settings of the user. */
export function hasRemote(git: Git): boolean {
  git("rev-parse", "--git-dir");
  return /^remote\..*\.url=/m.test(git("config", "--list"));
}

export function isInRepository(folder: string): boolean {
  return existsSync(join(folder, ".git")) || (folder !== dirname(folder) && isInRepository(dirname(folder)));
}

/** The user's address, which the repository cannot set; undefined if there is none. */
function userAddress(git: Git): string | undefined {
  try {
    return git("config", "--global", "user.email");
  } catch {
    return undefined;
  }
}

/** Whether the log of references, which no clone transfers, has the making of a commit. */
function isMadeHere(commit: string, git: Git): boolean {
  const made = /^(commit\b|rebase \((pick|reword|edit|squash|fixup|continue)\))/;
  return git("log", "--walk-reflogs", "--all", "--format=%H %gs")
    .split("\n")
    .some((line) => line.startsWith(`${commit} `) && made.test(line.slice(commit.length + 1)));
}
