import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expandedPath, huggingFaceHome } from "./places.ts";

/** The user's token, from where the hub's libraries take it: HF_TOKEN, HUGGING_FACE_HUB_TOKEN, or the file of a login. */
export function hubToken(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const token = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN)?.trim();
  if (token) return token;
  try {
    const path = env.HF_TOKEN_PATH ? expandedPath(env.HF_TOKEN_PATH, env) : join(huggingFaceHome(env), "token");
    return readFileSync(path, "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}
