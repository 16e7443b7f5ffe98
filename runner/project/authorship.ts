/** Who made the files of a repository, according to git. */
import { existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { type Git, gitIn } from "../util/git.ts";
import { isInside, linksWithin, realPath } from "../util/inside.ts";
import { namesIn } from "../util/names-in.ts";
import { UserError } from "../util/user-error.ts";

/**
 * The origin of files of a clone unless the user committed each of them on this machine: "a clone of a repository,
 * where a@b.c committed x.yaml". The address alone proves nothing: an author writes any address into a commit.
 * Undefined: the files are in no repository with a remote, the user made the last commits here, or they are not
 * committed.
 */
export function originOfClone(files: readonly string[]): string | undefined {
  // git names no author of a path through a link, or with other case than its own.
  return authorOf(files.flatMap((path) => [realpathSync.native(path), ...linksOn(path)]));
}

/** The origin of links themselves, whatever they lead to; undefined like that of `originOfClone`. */
export const originOfLinks = (links: readonly string[]): string | undefined =>
  authorOf(links.map((link) => join(realpathSync.native(dirname(link)), basename(link))));

function authorOf(files: readonly string[]): string | undefined {
  for (const file of files) {
    const folder = dirname(file);
    if (!isInRepository(folder)) continue;
    const git = gitIn(folder);
    try {
      if (!hasRemote(git)) continue;
      const author = otherAuthor(git, file);
      if (author !== undefined) return `a clone of a repository, where ${author} committed ${basename(file)}`;
    } catch {
      return `a repository in which git cannot tell who committed ${basename(file)}`;
    }
  }
  return undefined;
}

/**
 * The author of the last commit to a file, unless the user made it here. A merge that the user made has lines of each
 * parent, so that each parent's last commit to the file counts too.
 */
function otherAuthor(git: Git, file: string, from = "HEAD", seen = new Set<string>()): string | undefined {
  const [commit, author, parents] = git("log", "-1", "--format=%H%n%ae%n%P", from, "--", file).split("\n");
  if (!commit || seen.has(commit)) return undefined;
  seen.add(commit);
  if (author !== userAddress(git) || !isMadeHere(commit, file, git)) return author;
  const merged = parents?.split(" ") ?? [];
  if (merged.length < 2) return undefined;
  for (const parent of merged) {
    const other = otherAuthor(git, file, parent, seen);
    if (other !== undefined) return other;
  }
  return undefined;
}

/**
 * Throws UserError `linked-folder` if artifacts/, or a folder in which exp writes below it, is a link that came with a
 * repository and leads out of the project: its author would choose where exp writes and deletes files.
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
  refuseLinksOfOthers(root, links, "a link that leaves the project");
}

/**
 * Throws UserError `linked-folder` if results in a repository are links or repositories of another author: a permission
 * for results names what the index has, and that is not their content. `listed` are entries of `git ls-files --stage
 * -z` in the root.
 */
export function refuseForeignReferences(root: string, listed: readonly string[]): void {
  const names = listed.flatMap((line) => /^(?:120000|160000) [^\t]*\t(.*)$/s.exec(line)?.[1] ?? []);
  const links = names.map((name) => join(root, name)).filter((path) => lstatSync(path, { throwIfNoEntry: false }));
  refuseLinksOfOthers(root, links, "a link or a repository in the place of results");
}

function refuseLinksOfOthers(root: string, links: readonly string[], what: string, code = "linked-folder"): void {
  for (const link of links) {
    const origin = originOfLinks([link]);
    if (origin === undefined) continue;
    const message = `${relative(realPath(root), join(realpathSync.native(dirname(link)), basename(link)))} is ${what}, and comes from ${origin}`;
    const help = code === "linked-file" ? "read the file, then replace the link by a copy of it" : "delete the link";
    throw new UserError(code, message, { help, status: "refused" });
  }
}

/**
 * Throws UserError `linked-file` if another author made a link on the way to a file of the project that a report or an
 * export contains: the author would choose which file of this user it contains.
 */
export function refuseForeignFiles(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    const leads = `a link that leads to ${relative(realPath(root), realPath(path))}`;
    refuseLinksOfOthers(root, linksWithin(root, path), leads, "linked-file");
  }
}

/** The links on the way to a file. The author of a link decides which file is read or written. */
function linksOn(path: string): readonly string[] {
  const parent = dirname(path);
  if (parent === path) return [];
  const isLink = lstatSync(path).isSymbolicLink();
  return [...linksOn(parent), ...(isLink ? [join(realpathSync.native(parent), basename(path))] : [])];
}

/**
 * Whether commits of others may be in the repository: it has a remote, or has fetched from an address. Throws if git
 * does not accept the repository: `git config` alone then lists the settings of the user.
 */
export function hasRemote(git: Git): boolean {
  const folder = git("rev-parse", "--absolute-git-dir");
  if (folder === "") throw new Error("git printed no folder");
  // Each working tree has a folder of its own, `worktrees/NAME` in that of the repository, and records its own fetches.
  const repository = existsSync(join(folder, "commondir")) ? dirname(dirname(folder)) : folder;
  const worktrees = join(repository, "worktrees");
  const folders = [repository, ...namesIn(worktrees).map((name) => join(worktrees, name))];
  if (folders.some((one) => existsSync(join(one, "FETCH_HEAD")))) return true;
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

/**
 * Whether the user made a commit on this machine, or a rebase by the user made it with the content of a file that the
 * user had committed here before: a rebase also copies commits of others, whose author can state any address. No clone
 * transfers the log of references.
 */
function isMadeHere(commit: string, file: string, git: Git): boolean {
  const entries = reflog(git);
  const made = madeHere(
    entries,
    entries.filter(({ message }) => created.test(message)).map(({ hash }) => hash),
  );
  if (made.has(commit)) return true;
  const copies = entries.filter(({ message }) => rebased.test(message)).map(({ hash }) => hash);
  if (copies.length === 0 || made.size === 0) return false;
  const contents = (commits: Iterable<string>): readonly (readonly [commit: string, blob: string])[] => {
    const log = git("log", "--no-walk", "--raw", "--no-abbrev", "--format=%H", ...commits, "--", file);
    const found = log.matchAll(/^([0-9a-f]+)\n\n:\d+ \d+ [0-9a-f]+ ([0-9a-f]+) /gm);
    return [...found].map(([, hash, blob]) => [hash as string, blob as string]);
  };
  const own = new Set(contents(made).map(([, blob]) => blob));
  const ownCopies = contents(new Set(copies)).flatMap(([hash, blob]) => (own.has(blob) ? [hash] : []));
  return madeHere(entries, ownCopies).has(commit);
}

const created = /^commit( \((initial|merge)\))?:/;
const rebased = /^rebase \((pick|reword|edit|squash|fixup|continue)\)/;

/** An entry of the log of a reference. `before` is the commit that the reference had before. */
type LogEntry = { readonly hash: string; readonly before: string | undefined; readonly message: string };

function reflog(git: Git): readonly LogEntry[] {
  const lines = git("log", "--walk-reflogs", "--all", "--format=%gD%x09%H%x09%gs").split("\n");
  const byReference = new Map<string, [hash: string, message: string][]>();
  for (const line of lines) {
    const [, reference, hash, message] = /^(.*)@\{[^}]*\}\t([0-9a-f]+)\t(.*)$/.exec(line) ?? [];
    if (reference === undefined) continue;
    const log = byReference.get(reference) ?? [];
    byReference.set(reference, log);
    log.push([hash as string, message as string]);
  }
  return [...byReference.values()].flatMap((log) =>
    log.map(([hash, message], at) => ({ hash, message, before: log[at + 1]?.[0] })),
  );
}

/** Some commits, and those that the user made of them by an amendment. */
function madeHere(entries: readonly LogEntry[], commits: readonly string[]): ReadonlySet<string> {
  const made = new Set(commits);
  const amended = entries.filter(({ message }) => message.startsWith("commit (amend)"));
  for (let before = -1; before < made.size; ) {
    before = made.size;
    for (const { hash, before: old } of amended) if (old !== undefined && made.has(old)) made.add(hash);
  }
  return made;
}
