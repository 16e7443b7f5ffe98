import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/** The user's Hugging Face token, from where the Hugging Face libraries take it: HF_TOKEN, else the file of a login. */
export function hubToken(env: Env): string | undefined {
  if (env.HF_TOKEN !== undefined && env.HF_TOKEN !== "") return env.HF_TOKEN.trim();
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "huggingface");
  try {
    return readFileSync(env.HF_TOKEN_PATH || join(home, "token"), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}
