import { homedir } from "node:os";
import { join, resolve } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/** The absolute path of a Hugging Face variable as its libraries read it: ~, $NAME and ${NAME} stand for their values. */
export function expandedPath(path: string, env: Env): string {
  const named = path.replace(/^~(?=\/|$)/, () => env.HOME || homedir());
  return resolve(named.replace(/\$(?:(\w+)|\{(\w+)\})/g, (written, plain, braced) => env[plain ?? braced] ?? written));
}

/** Folder of the Hugging Face libraries, by the same variables in the same order as theirs. */
export function huggingFaceHome(env: Env = process.env): string {
  const cache = env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache");
  return expandedPath(env.HF_HOME || join(cache, "huggingface"), env);
}

/** Folder in which the Hugging Face libraries keep downloads. */
export function huggingFaceCache(env: Env = process.env): string {
  return expandedPath(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(huggingFaceHome(env), "hub"), env);
}

/** The address of the hub, without a slash at its end. */
export function hubUrlOf(env: Env): string {
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
