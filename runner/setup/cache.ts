import { homedir } from "node:os";
import { join } from "node:path";

/** Folder of files that all projects share: environments, bundled models, digests of files. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  return env.EXP_CACHE || join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "exp");
}

/** Folder of a Python environment, whether or not it exists. */
export function environmentDir(environment: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheRoot(env), "envs", environment);
}

/** Folder of the Hugging Face libraries, by the same variables in the same order as theirs. */
export function huggingFaceHome(env: NodeJS.ProcessEnv = process.env): string {
  const home = env.HOME || homedir();
  return env.HF_HOME || join(env.XDG_CACHE_HOME || join(home, ".cache"), "huggingface");
}

/** Folder in which the Hugging Face libraries keep downloads. */
export function huggingFaceCache(env: NodeJS.ProcessEnv = process.env): string {
  const chosen = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(huggingFaceHome(env), "hub");
  return chosen.startsWith("~/") ? join(env.HOME || homedir(), chosen.slice(2)) : chosen;
}
