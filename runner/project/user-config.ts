import { homedir } from "node:os";
import { join } from "node:path";

/** Folder of the user's configuration and of what the user has trusted, for all projects. */
export function configFolder(env: Readonly<Record<string, string | undefined>>): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "exp");
}
