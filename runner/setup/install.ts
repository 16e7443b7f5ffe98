import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { UserError } from "../util/user-error.ts";
import { neutralFolder, programPath, type Where } from "./probe.ts";

/** Receives the progress of a set-up, one line at a time. */
export type Report = (progress: { readonly message: string }) => void;

/** An environment under construction, and how its installers run. */
export type Site = {
  /** The environment's folder. */
  readonly dir: string;
  readonly env: Where["env"];
  readonly log: string;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
};

/** Interpreter of an environment. */
export const pythonOf = (dir: string): string => join(dir, "bin", "python");

/**
 * Installs exactly the packages of a lock file, each file checked by its hash, with uv if the environment has it.
 * Packages that the lock marks with `--no-binary` have no wheel. They are built last and without isolation, so that
 * their build dependencies are locked too. Throws UserError `install-failed`.
 */
export async function install(
  site: Site,
  lock: string,
  links: readonly string[],
  more: readonly string[] = [],
): Promise<void> {
  const { wheels, sources } = splitLock(readFileSync(lock, "utf8"));
  if (sources === "") return installFile(site, lock, links, ["--only-binary", ":all:", ...more]);
  const part = join(site.dir, "part.lock");
  writeFileSync(part, wheels);
  await installFile(site, part, links, ["--only-binary", ":all:", ...more]);
  site.report({ message: "building packages from source" });
  writeFileSync(part, sources);
  await installFile(site, part, links, ["--no-build-isolation", ...more]);
}

/** The packages of a lock file, divided into wheels and source packages, which `--no-binary` lines name. */
export function splitLock(lock: string): { readonly wheels: string; readonly sources: string } {
  const built = new Set([...lock.matchAll(/^--no-binary (\S+)$/gm)].map(([, name]) => name));
  const blocks = lock.match(/^[^\s-][^\n]*\n(?: +[^\n]*\n)*/gm) ?? [];
  const isBuilt = (block: string) => built.has(/^[^=\s[]+/.exec(block)?.[0]);
  return {
    wheels: blocks.filter((block) => !isBuilt(block)).join(""),
    sources: blocks.filter(isBuilt).join(""),
  };
}

async function installFile(site: Site, lock: string, links: readonly string[], how: readonly string[]): Promise<void> {
  const uv = join(site.dir, "bin", "uv");
  const python = pythonOf(site.dir);
  const shared = ["--no-deps", "--require-hashes", "-r", lock, ...how];
  const found = links.flatMap((link) => ["--find-links", absoluteLink(link)]);
  const counting = countPackages(site);
  const follow = (line: string) => {
    const [, resolved] = /^Resolved (\d+) packages?/.exec(line) ?? [];
    if (resolved !== undefined) counting.expect(Number(resolved));
    if (/^Installed \d/.test(line)) site.report({ message: "compiling to bytecode" });
  };
  try {
    if (existsSync(uv)) {
      const given = ["pip", "install", "--python", python, "--compile-bytecode"];
      await run(site, uv, [...given, ...found, ...shared], follow);
    } else {
      await run(site, python, ["-m", "pip", "install", "--disable-pip-version-check", ...found, ...shared], follow);
    }
  } finally {
    counting.end();
  }
}

/**
 * Runs one program of a set-up. Its output goes to the log, and its progress and errors to the report. Throws
 * UserError.
 */
export async function run(
  site: Site,
  file: string,
  args: readonly string[],
  follow: (line: string) => void = () => {},
): Promise<void> {
  const { execa } = await import("execa");
  appendFileSync(site.log, `$ ${[file, ...args].join(" ")}\n`);
  const child = execa(programPath(file), args, {
    cwd: neutralFolder,
    env: childEnvironment(site.env),
    extendEnv: false,
    stdin: "ignore",
    all: true,
    reject: false,
    ...(site.signal === undefined ? {} : { cancelSignal: site.signal }),
  });
  const errors: string[] = [];
  for await (const line of child.iterable({ from: "all" })) {
    appendFileSync(site.log, `${line}\n`);
    if (/^\s*(error|×|╰─▶|cause:|caused by)|^\w*Error\b/i.test(line)) errors.push(line.trim());
    if (/^\s*(Downloading|Downloaded|Resolved|Prepared|Installed|Bytecode compiled|Collecting)\b/.test(line)) {
      site.report({ message: line.trim() });
    }
    follow(line);
  }
  const done = await child;
  site.signal?.throwIfAborted();
  if (done.exitCode !== 0) {
    const [first, last] = [errors[0], errors.at(-1)];
    const cause = first === undefined ? `${file} ended with ${done.exitCode ?? done.signal ?? done.code}` : first;
    throw new UserError("install-failed", last === first ? cause : `${cause} (${last})`, { log: site.log });
  }
}

/** A folder of wheels from the neutral folder. An address stays as it is. */
const absoluteLink = (link: string): string => (/^[\w+.-]+:/.test(link) ? link : resolve(link));

/**
 * The variables of an installer. uv does not read pip's variables, so the user's settings for pip are copied to uv's.
 */
export function childEnvironment(env: Where["env"]): Record<string, string | undefined> {
  const { PYTHONPATH: _path, PYTHONHOME: _home, VIRTUAL_ENV: _active, ...rest } = env;
  const links = (list: string | undefined, between: string): string | undefined =>
    list
      ?.split(/[\s,]+/)
      .filter(Boolean)
      .map(absoluteLink)
      .join(between);
  return {
    ...rest,
    PIP_FIND_LINKS: links(env.PIP_FIND_LINKS, " "),
    UV_FIND_LINKS: links(env.UV_FIND_LINKS, ","),
    UV_DEFAULT_INDEX: env.UV_DEFAULT_INDEX ?? env.PIP_INDEX_URL,
    UV_INDEX: env.UV_INDEX ?? env.PIP_EXTRA_INDEX_URL,
    // Safe because every file is checked by its hash. pip behaves the same way.
    UV_INDEX_STRATEGY: env.UV_INDEX_STRATEGY ?? "unsafe-best-match",
    UV_HTTP_TIMEOUT: env.UV_HTTP_TIMEOUT ?? env.PIP_DEFAULT_TIMEOUT,
    SSL_CERT_FILE: env.SSL_CERT_FILE ?? env.PIP_CERT,
    UV_NO_PROGRESS: "1",
    PYTHONNOUSERSITE: "1",
  };
}

/** Reports twice a second how many of the expected packages are installed. */
function countPackages(site: Site): { expect(more: number): void; end(): void } {
  const count = () => {
    const library = join(site.dir, "lib");
    const version = existsSync(library) ? readdirSync(library)[0] : undefined;
    const packages = version === undefined ? "" : join(library, version, "site-packages");
    return existsSync(packages) ? readdirSync(packages).filter((name) => name.endsWith(".dist-info")).length : 0;
  };
  const before = count();
  let last = 0;
  let total: number | undefined;
  const timer = setInterval(() => {
    const done = count() - before;
    if (done !== last && done > 0)
      site.report({ message: `${done}${total === undefined ? "" : ` of ${total}`} packages installed` });
    last = done;
  }, 500);
  return { expect: (more) => (total = more), end: () => clearInterval(timer) };
}
