import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentDir } from "../setup/cache.ts";
import { sha256 } from "../util/canonical.ts";
import { oncePerMachine } from "./once-per-machine.ts";

/** Folder of a tiny model with random weights and a real architecture; a new one for each version of recipes/tools/tiny_models.py. */
export function tinyModel(family: "qwen3" | "llama"): string {
  const recipes = fileURLToPath(new URL("../../recipes", import.meta.url));
  const version = sha256(readFileSync(join(recipes, "tools/tiny_models.py"), "utf8")).slice(0, 12);
  return oncePerMachine(join(tmpdir(), `exp-tiny-${family}-${version}`), (partial) => {
    const args = ["-m", "recipes.tools.tiny_models", partial, "--family", family, "--tied"];
    execFileSync(join(environmentDir("torchtune"), "bin/python"), args, { cwd: dirname(recipes), stdio: "pipe" });
  });
}
