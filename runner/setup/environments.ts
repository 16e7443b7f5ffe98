import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { defaultEnvironment, environments, findEnvironment } from "../plugins/environments.ts";
import { acquire } from "../store/lock.ts";
import { UserError } from "../util/user-error.ts";
import { environmentDir } from "./cache.ts";
import { install, pythonOf, type Report, run, type Site } from "./install.ts";
import { prober, type Where } from "./probe.ts";
import { choosePython, findPythons, type Python } from "./python.ts";
import { chooseTorch, type TorchVariant, type WheelSources, wheelSources } from "./torch.ts";

/** The state of an environment, found without starting its interpreter. */
export type EnvironmentStatus = {
  readonly environment: string;
  /** Stale: built from another lock file than the present one, or its interpreter is missing. */
  readonly state: "ok" | "missing" | "stale";
  readonly dir: string;
  /** Interpreter, whether or not it exists. */
  readonly python: string;
  /** What the environment was built from; absent if it is missing. */
  readonly stamp?: Stamp;
};

/** Written last into an environment, so that an environment with a stamp is complete. */
export type Stamp = {
  readonly schema: 1;
  readonly torch: TorchVariant;
  /** sha256 of the lock file. */
  readonly lock: string;
  readonly python: string;
  readonly installer: "uv" | "pip";
};

export type SetupOptions = {
  readonly torch?: TorchVariant | undefined;
  readonly gpus: readonly { readonly name: string }[];
  /** Whether to install the tools that check the recipes too: pytest, ruff, mypy. */
  readonly dev?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** The lock file that an environment was built from, or would be built from on a machine with these GPUs. */
export function lockFile(
  environment: string,
  where: Where,
  machine: { readonly gpus: readonly { readonly name: string }[] },
): string {
  const { stamp } = environmentStatus(environment, where);
  const variant = stamp?.torch ?? chooseTorch(undefined, machine.gpus).torch;
  return lockPath(environment, variant, where);
}

/** Whether an environment exists and was built from its present lock file. Reads a few small files and starts no process. */
export function environmentStatus(environment: string, where: Where): EnvironmentStatus {
  const dir = environmentDir(environment, where.env);
  const python = pythonOf(dir);
  const stamp = readStamp(dir);
  if (stamp === undefined) return { environment, state: "missing", dir, python };
  const lock = lockPath(environment, stamp.torch, where);
  // Another version of exp can have built the environment from a lock file that this one does not have.
  const isCurrent = existsSync(python) && existsSync(lock) && stamp.lock === digestOf(lock);
  return { environment, state: isCurrent ? "ok" : "stale", dir, python, stamp };
}

/** Whether an environment is set up and does not contain a Python package. Reads two small files and starts no process. */
export function lacksPackage(environment: string, name: string, where: Where): boolean {
  const { state, dir } = environmentStatus(environment, where);
  if (state !== "ok") return false;
  const versions = readdirSync(join(dir, "lib")).filter((folder) => folder.startsWith("python"));
  return !versions.some((version) => existsSync(join(dir, "lib", version, "site-packages", name)));
}

/** Interpreter of an environment. Throws UserError `environment-missing` or `environment-stale` if it is not ready. */
export function environmentPython(environment: string, where: Where): string {
  const { state, python } = environmentStatus(environment, where);
  if (state === "ok") return python;
  const what = state === "missing" ? "is not set up" : "was built from another lock file";
  throw new UserError(`environment-${state}`, `the Python environment ${environment} ${what}`, {
    help: `run exp setup ${environment}`,
  });
}

/** The environments that `exp setup` builds: the default one, and those that are named. */
export function environmentsToSetUp(names: readonly string[]): readonly string[] {
  return [...new Set([defaultEnvironment(), ...names])];
}

/**
 * Builds an environment from its lock file, unless it is ready. It is built in a staging folder and renamed at the end, so that an
 * interrupted build leaves the old environment in place. A lock prevents two builds at once. Throws UserError.
 */
export async function setupEnvironment(
  environment: string,
  where: Where,
  options: SetupOptions,
  report: Report,
): Promise<EnvironmentStatus> {
  const known = findEnvironment(environment);
  if (known === undefined) {
    const names = environments().map(({ name }) => name);
    const help = `choose one of ${names.join(", ")}`;
    throw new UserError("unknown-environment", `no environment is called ${environment}`, { help });
  }
  const dir = environmentDir(environment, where.env);
  mkdirSync(dirname(dir), { recursive: true });
  const lock = await acquire(`${dir}.lock`, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onWait: () => report({ message: `waiting for another process that sets up ${environment}` }),
  });
  try {
    const before = environmentStatus(environment, where);
    const built = before.state === "ok" ? before.stamp?.torch : undefined;
    const choice = chooseTorch(options.torch ?? built, options.gpus);
    if (before.state !== "ok" || before.stamp?.torch !== choice.torch) {
      report({ message: `${environment}: torch for ${choice.torch} (${choice.why})` });
      await build(environment, known.modules, dir, choice.torch, where, options, report);
    }
    if (options.dev === true && known.dev !== undefined) {
      const log = `${dir}.log`;
      const site: Site = { dir, env: where.env, log, report, signal: options.signal };
      await install(site, join(where.packageRoot, "recipes/locks", known.dev), []);
    }
    report({ message: `${environment}: ready` });
    return environmentStatus(environment, where);
  } finally {
    lock.release();
  }
}

async function build(
  environment: string,
  modules: readonly string[],
  dir: string,
  torch: TorchVariant,
  where: Where,
  options: SetupOptions,
  report: Report,
): Promise<void> {
  const sources = wheelSources(where);
  const pythons = await findPythons(where.env, prober(where.env));
  const python = choosePython(pythons, where.env, torch === "cpu" ? sources.tags : []);
  const staging = join(dirname(dir), `.${environment}-building`);
  const log = `${dir}.log`;
  const site: Site = { dir: staging, env: where.env, log, report, signal: options.signal };
  const lock = lockPath(environment, torch, where);
  rmSync(staging, { recursive: true, force: true });
  writeFileSync(log, "");
  report({ message: `${environment}: Python ${python.version} (${python.path})` });
  await run(site, python.path, ["-m", "venv", staging]);
  const installer = await installUv(site, where, sources);
  await installTorchAlone(site, torch, python, sources, installer, lock);
  await install(site, lock, sources.links);
  report({ message: `${environment}: importing its modules` });
  await run(site, pythonOf(staging), ["-c", `import ${modules.join(", ")}`]);
  relocateScripts(staging, dir);
  const stamp: Stamp = { schema: 1, torch, lock: digestOf(lock), python: python.version, installer };
  writeFileSync(join(staging, "stamp.json"), `${JSON.stringify(stamp, null, 1)}\n`);
  const old = join(dirname(dir), `.${environment}-old`);
  rmSync(old, { recursive: true, force: true });
  if (existsSync(dir)) renameSync(dir, old);
  renameSync(staging, dir);
  rmSync(old, { recursive: true, force: true });
}

/** Installs uv, which is several times faster than pip. If that fails, pip installs from the same lock file. */
async function installUv(site: Site, where: Where, sources: WheelSources): Promise<"uv" | "pip"> {
  try {
    await install(site, join(where.packageRoot, "recipes/locks/uv.lock"), sources.links);
    return "uv";
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    site.report({ message: `cannot install uv (${error.message}); using pip` });
    return "pip";
  }
}

/**
 * Installs the CPU build of torch, which is not on PyPI. It comes from a folder or index that the user configured, or else from
 * PyTorch's own index, whose address uv has.
 */
async function installTorchAlone(
  site: Site,
  torch: TorchVariant,
  python: Python,
  sources: WheelSources,
  installer: "uv" | "pip",
  lock: string,
): Promise<void> {
  if (torch === "cuda" || process.platform === "darwin" || sources.tags.includes(python.tag) || sources.hasIndex)
    return;
  const help =
    `put the CPU wheel of torch for ${python.tag} (recipes/locks/torch-cpu-wheels.txt has its name) into a folder and set ` +
    "PIP_FIND_LINKS to that folder, or set PIP_EXTRA_INDEX_URL to an index that has it; " +
    "exp setup --torch cuda installs the build for GPUs, which also runs on CPUs and needs several GB";
  const missing = (why: string) =>
    new UserError("no-cpu-torch", `no CPU build of torch for Python ${python.version}: ${why}`, {
      help,
      log: site.log,
    });
  if (installer === "pip") throw missing("PIP_FIND_LINKS has none, and no other index is configured");
  const torchLock = join(site.dir, "torch.lock");
  writeFileSync(torchLock, lockOf("torch", lock));
  try {
    await install(site, torchLock, [], ["--torch-backend", "cpu"]);
  } catch (error) {
    throw error instanceof UserError ? missing(error.message) : error;
  }
}

/** Replaces the staging folder in the first line of scripts, which contains the path of their interpreter. */
function relocateScripts(staging: string, dir: string): void {
  for (const name of readdirSync(join(staging, "bin"))) {
    const path = join(staging, "bin", name);
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > 100_000) continue;
    const text = readFileSync(path, "utf8");
    if (text.includes(staging)) writeFileSync(path, text.replaceAll(staging, dir));
  }
}

/** The lines of a lock file for one package. */
export function lockOf(name: string, lock: string): string {
  const blocks = readFileSync(lock, "utf8").match(/^\S[^\n]*\n(?: +[^\n]*\n)*/gm) ?? [];
  return blocks.filter((block) => block.startsWith(`${name}==`)).join("");
}

function lockPath(environment: string, torch: TorchVariant, where: Where): string {
  return join(where.packageRoot, "recipes/locks", `${environment}-${torch}.lock`);
}

function digestOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function readStamp(dir: string): Stamp | undefined {
  try {
    const stamp = JSON.parse(readFileSync(join(dir, "stamp.json"), "utf8")) as Stamp;
    return stamp.schema === 1 ? stamp : undefined;
  } catch {
    return undefined;
  }
}
