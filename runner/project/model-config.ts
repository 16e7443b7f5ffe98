import { isAbsolute, join } from "node:path";
import { configOf, knownShape, type ModelConfig } from "../plugins/model-shape.ts";
import { bundledModelDir, bundledModels, hubModelDir } from "../setup/models.ts";
import { files } from "./files.ts";

type Variables = NodeJS.ProcessEnv;

/** Bytes of the longest config.json that is read. */
const configLimit = 4 * 1024 * 1024;

/**
 * config.json of a base model: of a local folder, a bundled model or the Hugging Face cache. The part of it that is
 * built in if the model is not on this machine; undefined if there is none.
 */
export function modelConfig(base: string, revision: string | undefined, env: Variables): ModelConfig | undefined {
  const bytes = readConfig(base, revision, env);
  return bytes === undefined ? knownShape(base) : configOf(new TextDecoder().decode(bytes));
}

/** The text of config.json of a base model, as `modelConfig` finds it. */
export function readConfig(base: string, revision: string | undefined, env: Variables): Uint8Array | undefined {
  return files.read(join(modelDir(base, revision, env), "config.json"), configLimit);
}

/** The folder of a base model, whether or not it exists. */
export function modelDir(base: string, revision: string | undefined, env: Variables): string {
  if (base in bundledModels) return bundledModelDir(base, env);
  return isAbsolute(base) ? base : hubModelDir(base, revision ?? "", env);
}
