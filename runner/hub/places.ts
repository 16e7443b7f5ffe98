import { homedir } from "node:os";
import { join } from "node:path";

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

/** The address of the hub, without a slash at its end. */
export function hubUrlOf(env: Readonly<Record<string, string | undefined>>): string {
  return (env.HF_ENDPOINT || "https://huggingface.co").replace(/(?<!\/)\/+$/, "");
}

/** The folder of a hub data set in the cache. */
export function datasetFolder(cache: string, name: string): string {
  return join(cache, `datasets--${name.replaceAll("/", "--")}`);
}

/** The folder with the files of one commit of a hub data set. */
export function datasetSnapshot(cache: string, name: string, commit: string): string {
  return join(datasetFolder(cache, name), "snapshots", commit);
}
