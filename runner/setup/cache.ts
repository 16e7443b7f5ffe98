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
