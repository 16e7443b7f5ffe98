import { readFileSync } from "node:fs";
import { join } from "node:path";
import { huggingFaceHome } from "./cache.ts";

/** The user's Hugging Face token, from where the Hugging Face libraries take it: HF_TOKEN, else the file of a login. */
export function hubToken(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (env.HF_TOKEN !== undefined && env.HF_TOKEN !== "") return env.HF_TOKEN.trim();
  try {
    return readFileSync(env.HF_TOKEN_PATH || join(huggingFaceHome(env), "token"), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}
