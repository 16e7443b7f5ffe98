import { existsSync, readdirSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import { sampleBytes, sampleRows } from "../data/sample.ts";
import type { Machine } from "../execution/devices.ts";
import { pythonSources } from "../execution/imports.ts";
import { hubUrlOf, huggingFaceCache } from "../hub/places.ts";
import { knownShape, shapeOf } from "../plugins/model-shape.ts";
import { type ModelPlace, machineName, type Site } from "../plugins/site.ts";
import { lacksPackage, lockFile } from "../setup/environments.ts";
import { readSpeed } from "../setup/machine-speed.ts";
import { readMeasurements } from "../setup/measurements.ts";
import { bundledModels, modelIsHere } from "../setup/models.ts";
import { nativePrecision } from "../setup/precision.ts";
import type { Context } from "../util/context.ts";
import { isOffline } from "../util/offline.ts";
import { remembered, rememberedPair } from "../util/remember.ts";
import { files } from "./files.ts";
import { modelConfig, modelDir, readConfig } from "./model-config.ts";

/** The facts of this machine that steps are drafted from: models, lock files, sources and devices. Each file is read once. */
export function siteOf(context: Context, machine: Machine, root: string, tokensOnly: boolean): Site {
  let measurements: ReturnType<Site["measurements"]> | undefined;
  let speed: { readonly known: ReturnType<Site["speed"]> } | undefined;
  return {
    version: context.version(),
    recipe: remembered((module) => ({
      ...pythonSources(context.packageRoot, "recipes.common.launch"),
      ...pythonSources(context.packageRoot, module),
    })),
    lock: remembered((environment) => lockFile(environment, context, machine)),
    lacksPackage: rememberedPair((environment, name) => lacksPackage(environment, name, context)),
    model: rememberedPair((base, revision) => modelPlace(base, revision, context.env)),
    portable: portableBelow(root, context.packageRoot),
    precision: nativePrecision(machine.gpus),
    shape: rememberedPair((base, revision) => {
      const known = knownShape(base);
      if (known !== undefined) return known;
      const bytes = readConfig(base, revision, context.env);
      return bytes && shapeOf(new TextDecoder().decode(bytes));
    }),
    config: rememberedPair((base, revision) => modelConfig(base, revision, context.env)),
    isHere: remembered(modelIsHere),
    hub: { url: hubUrlOf(context.env), cache: huggingFaceCache(context.env), isOffline: isOffline(context.env) },
    rows: remembered((file) => {
      const start = files.read(file, sampleBytes);
      return start && sampleRows(file, start, statSync(file).size);
    }),
    template: remembered((file) => {
      const text = new TextDecoder().decode(files.read(file) ?? new Uint8Array());
      return { characters: text.length, listsLabels: /\{\{[^{}]*\blabels\b/.test(text) };
    }),
    gpuMemory: smallest(machine.gpus.map(({ memory }) => memory)),
    capability: machine.gpus.map(({ capability }) => capability ?? "").sort()[0],
    tokensOnly,
    uploads: true,
    cores: machine.cores,
    gpus: machine.gpus.length,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    gpuName: machine.gpus[0]?.name,
    measurements() {
      measurements ??= readMeasurements(context.env);
      return measurements;
    },
    speed() {
      speed ??= { known: readSpeed(machineName(this), context.env) };
      return speed.known;
    },
  };
}

function smallest(sizes: readonly (number | undefined)[]): number | undefined {
  const known = sizes.filter((size) => size !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function modelPlace(base: string, revision: string | undefined, env: Context["env"]): ModelPlace {
  const dir = modelDir(base, revision, env);
  if (!isAbsolute(base)) return { origin: base in bundledModels ? "bundled" : "hub", dir, files: {} };
  const names = readdirSync(base).filter((name) => statSync(join(base, name)).isFile() && !name.startsWith("."));
  return {
    origin: "local",
    dir,
    files: Object.fromEntries(names.map((name) => [`model/${name}`, join(base, name)])),
  };
}

/** A path relative to the project root; relative to the package for a file that the package ships. */
export function portablePath(path: string, root: string, packageRoot: string): string {
  const isShipped = !isBelow(path, root) && isBelow(path, packageRoot);
  return relative(isShipped ? packageRoot : root, path) || ".";
}

/** Replaces absolute paths of existing files in a value by portable ones, so that it names no machine. Caches each path. */
export function portableBelow(root: string, packageRoot: string): <T>(value: T) => T {
  const known = new Map<string, string>();
  const shorten = (path: string): string => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const short = existsSync(path) ? portablePath(path, root, packageRoot) : path;
    known.set(path, short);
    return short;
  };
  const portable = <T>(value: T): T => {
    if (typeof value === "string") return (isAbsolute(value) ? shorten(value) : value) as T;
    if (Array.isArray(value)) return value.map(portable) as T;
    if (typeof value !== "object" || value === null) return value;
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) copy[key] = portable(item);
    return copy as T;
  };
  return portable;
}

function isBelow(path: string, folder: string): boolean {
  return !relative(folder, path).startsWith("..");
}
