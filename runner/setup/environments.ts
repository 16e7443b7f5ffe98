import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { acquire } from "../store/lock.ts";
import { UserError } from "../util/user-error.ts";
import { environmentDir } from "./cache.ts";
import { install, pythonOf, type Report, run, type Site } from "./install.ts";
import { prober, type Where } from "./probe.ts";
import { choosePython, findPythons, type Python } from "./python.ts";
import { chooseTorch, type TorchVariant, type WheelSources, wheelSources } from "./torch.ts";

/** A Python environment: the modules that must import before it counts as built, and the lock file of its checks. */
export type Environment = {
  readonly modules: readonly string[];
  /** Absent where no check runs in it. */
  readonly dev?: string;
  /** The one build of torch that it has a lock for. Absent: both. */
  readonly only?: TorchVariant;
  /** Every study needs it: `exp setup` alone builds it. Others are built by name. */
  readonly always: boolean;
};

/** Every environment by its backend's name. */
export const environments: Readonly<Record<string, Environment>> = {
  torchtune: { modules: ["torch", "torchtune", "transformers", "peft", "sklearn"], dev: "dev.lock", always: true },
  axolotl: {
    modules: ["torch", "axolotl", "transformers", "peft", "datasets"],
    dev: "dev-axolotl.lock",
    always: false,
  },
  vllm: { modules: ["torch", "vllm", "transformers"], only: "cuda", always: false },
};

/** What is known of an environment without starting it. */
export type EnvironmentStatus = {
  readonly backend: string;
  /** Stale: built from another lock file than the one that exp brings now, or its interpreter is gone. */
  readonly state: "ok" | "missing" | "stale";
  readonly dir: string;
  /** Interpreter, whether or not it exists. */
  readonly python: string;
  /** What the environment was built from; absent where it is missing. */
  readonly stamp?: Stamp;
};

/** Written last into an environment, so that its existence means completeness. */
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
  /** Also installs the tools that check the recipes: pytest, ruff, mypy. */
  readonly dev?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** The lock file that an environment was built from, or would be built from on a machine with these GPUs. */
export function lockFile(
  backend: string,
  where: Where,
  machine: { readonly gpus: readonly { readonly name: string }[] },
): string {
  const { stamp } = environmentStatus(backend, where);
  const variant = environments[backend]?.only ?? stamp?.torch ?? chooseTorch(undefined, machine.gpus).torch;
  return lockPath(backend, variant, where);
}

/** Whether an environment is there and as its lock file says: a few small reads, no process. */
export function environmentStatus(backend: string, where: Where): EnvironmentStatus {
  const dir = environmentDir(backend, where.env);
  const python = pythonOf(dir);
  const stamp = readStamp(dir);
  if (stamp === undefined) return { backend, state: "missing", dir, python };
  const isCurrent = existsSync(python) && stamp.lock === digestOf(lockPath(backend, stamp.torch, where));
  return { backend, state: isCurrent ? "ok" : "stale", dir, python, stamp };
}

/** Whether an environment is as its lock file says and yet has no package of that name: two small reads, no process. */
export function lacksPackage(backend: string, name: string, where: Where): boolean {
  const { state, dir } = environmentStatus(backend, where);
  if (state !== "ok") return false;
  const versions = readdirSync(join(dir, "lib")).filter((folder) => folder.startsWith("python"));
  return !versions.some((version) => existsSync(join(dir, "lib", version, "site-packages", name)));
}

/** Interpreter of an environment that is as its lock file says. Throws UserError with what to do. */
export function environmentPython(backend: string, where: Where): string {
  const { state, python } = environmentStatus(backend, where);
  if (state === "ok") return python;
  const what = state === "missing" ? "is not set up" : "was built from another lock file";
  throw new UserError(`environment-${state}`, `the Python environment ${backend} ${what}`, {
    help: `run exp setup ${backend}`,
  });
}

/**
 * Builds a backend's environment from its lock file, or says at once that it is as it should be. Built beside its place
 * and renamed at the end, so that an interrupt leaves the old one; two at once build it once. Throws UserError.
 */
export async function setupEnvironment(
  backend: string,
  where: Where,
  options: SetupOptions,
  report: Report,
): Promise<EnvironmentStatus> {
  const known = environments[backend];
  if (known === undefined) {
    const names = Object.keys(environments).join(", ");
    throw new UserError("unknown-backend", `there is no environment ${backend}`, { help: `choose from ${names}` });
  }
  const dir = environmentDir(backend, where.env);
  mkdirSync(dirname(dir), { recursive: true });
  const lock = await acquire(`${dir}.lock`, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onWait: () => report({ message: `another process is setting up ${backend}; waiting for it` }),
  });
  try {
    const before = environmentStatus(backend, where);
    const choice = chooseTorch(
      known.only ?? options.torch ?? (before.state === "ok" ? before.stamp?.torch : undefined),
      options.gpus,
    );
    if (before.state !== "ok" || before.stamp?.torch !== choice.torch) {
      report({ message: `${backend}: torch for ${choice.torch} (${choice.why})` });
      await build(backend, known.modules, dir, choice.torch, where, options, report);
    }
    if (options.dev === true && known.dev !== undefined) {
      const log = `${dir}.log`;
      const site: Site = { dir, env: where.env, log, report, signal: options.signal };
      await install(site, join(where.packageRoot, "recipes/locks", known.dev), []);
    }
    report({ message: `${backend}: ready` });
    return environmentStatus(backend, where);
  } finally {
    lock.release();
  }
}

async function build(
  backend: string,
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
  const staging = join(dirname(dir), `.${backend}-building`);
  const log = `${dir}.log`;
  const site: Site = { dir: staging, env: where.env, log, report, signal: options.signal };
  const lock = lockPath(backend, torch, where);
  rmSync(staging, { recursive: true, force: true });
  writeFileSync(log, "");
  report({ message: `${backend}: Python ${python.version} (${python.path})` });
  await run(site, python.path, ["-m", "venv", staging]);
  const installer = await installUv(site, where, sources);
  await installTorchAlone(site, torch, python, sources, installer, lock);
  await install(site, lock, sources.links);
  report({ message: `${backend}: trying it` });
  await run(site, pythonOf(staging), ["-c", `import ${modules.join(", ")}`]);
  relocateScripts(staging, dir);
  const stamp: Stamp = { schema: 1, torch, lock: digestOf(lock), python: python.version, installer };
  writeFileSync(join(staging, "stamp.json"), `${JSON.stringify(stamp, null, 1)}\n`);
  const old = join(dirname(dir), `.${backend}-old`);
  rmSync(old, { recursive: true, force: true });
  if (existsSync(dir)) renameSync(dir, old);
  renameSync(staging, dir);
  rmSync(old, { recursive: true, force: true });
}

/** uv installs several times faster than pip; where it cannot be had, pip does the same from the same lock. */
async function installUv(site: Site, where: Where, sources: WheelSources): Promise<"uv" | "pip"> {
  try {
    await install(site, join(where.packageRoot, "recipes/locks/uv.lock"), sources.links);
    return "uv";
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    site.report({ message: `uv cannot be installed here (${error.message}); using pip` });
    return "pip";
  }
}

/** A CPU build of torch is in no registry: where no folder or index of the user's has it, uv knows where its makers keep it. */
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
    "exp setup --torch cuda takes the build for GPUs, which runs here too and needs several GB";
  const missing = (why: string) =>
    new UserError("no-cpu-torch", `no CPU build of torch for Python ${python.version}: ${why}`, {
      help,
      log: site.log,
    });
  if (installer === "pip") throw missing("none in PIP_FIND_LINKS, and no other index is set");
  const alone = join(site.dir, "torch.lock");
  writeFileSync(alone, lockOf("torch", lock));
  try {
    await install(site, alone, [], ["--torch-backend", "cpu"]);
  } catch (error) {
    throw error instanceof UserError ? missing(error.message) : error;
  }
}

/** Scripts begin with the path of their interpreter: the place where the environment was built. */
function relocateScripts(staging: string, dir: string): void {
  for (const name of readdirSync(join(staging, "bin"))) {
    const path = join(staging, "bin", name);
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > 100_000) continue;
    const text = readFileSync(path, "utf8");
    if (text.includes(staging)) writeFileSync(path, text.replaceAll(staging, dir));
  }
}

/** The lines of a lock file that are about one package. */
export function lockOf(name: string, lock: string): string {
  const blocks = readFileSync(lock, "utf8").match(/^\S[^\n]*\n(?: +[^\n]*\n)*/gm) ?? [];
  return blocks.filter((block) => block.startsWith(`${name}==`)).join("");
}

function lockPath(backend: string, torch: TorchVariant, where: Where): string {
  return join(where.packageRoot, "recipes/locks", `${backend}-${torch}.lock`);
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
