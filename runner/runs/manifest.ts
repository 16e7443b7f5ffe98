import type { RunRole } from "../config/loaded.ts";
import { isInterval } from "../evaluation/statistics/comparison-form.ts";
import { isDigest, isInnerPath, isListing, type StoredFile } from "../pipeline/plan/record.ts";
import type { ArmMetrics } from "../pipeline/result-files.ts";
import type { Experiment } from "../plugins/experiment.ts";
import type { Json } from "../util/canonical.ts";
import { readStart } from "../util/regular-file.ts";
import { sealedJson, unsealed } from "../util/sealed-json.ts";
import {
  type Check,
  isBounded,
  isFlag,
  isMap,
  isNumber,
  isText,
  listOf,
  mapOf,
  nullable,
  optional,
  shape,
} from "../util/shape.ts";
import { UserError } from "../util/user-error.ts";
import type { Cost } from "./cost.ts";

/** Format of manifests that this version writes and reads. */
export const manifestFormat = 3;

/** One step of a finished run. */
export type ManifestStep = {
  readonly kind: string;
  readonly key: string;
  readonly stepId: string;
  /** Digest that names the step's folder in the store. */
  readonly object: string;
  readonly files: Readonly<Record<string, StoredFile>>;
  readonly seconds: number;
  /** ISO 8601, UTC. */
  readonly created: string;
  readonly evidence: Readonly<Record<string, Json>>;
  /** Recipe files and locks that changed after the step was built. The user accepted the result as it is. */
  readonly stale?: readonly string[];
};

/** A finished run: everything needed to trust, repeat or cite it. Written once and never changed. */
export type Manifest = {
  readonly schema: typeof manifestFormat;
  readonly experiment: string;
  /** The sweep coordinates, if any, and 8 hex digits. */
  readonly run: string;
  readonly coordinates: string;
  /** A `candidate` is scored on validation rows for the selection of a sweep; any other run is `final`. */
  readonly role: RunRole;
  /** Whether this is a smoke run: 20 rows and 5 steps. Its numbers mean nothing. */
  readonly smoke: boolean;
  /** The experiment's file, relative to the project root, and the settings that overrode it. */
  readonly file: string;
  readonly set: readonly string[];
  /** Values of --sweep on the command line. */
  readonly sweep?: readonly string[];
  /** ISO 8601, UTC. */
  readonly created: string;
  /** The experiment with every default filled in; paths relative to the project root. */
  readonly config: Experiment;
  /** The experiments under `compare`, by name, in the same form; absent if there are none. */
  readonly compared?: Readonly<Record<string, Experiment>>;
  readonly steps: Readonly<Record<string, ManifestStep>>;
  /** Arm -> view -> metric -> value. */
  readonly arms: Readonly<Record<string, ArmMetrics["views"]>>;
  /** Arm -> view -> metric -> 95 % interval. */
  readonly intervals: Readonly<Record<string, ArmMetrics["intervals"]>>;
  readonly cost: Cost;
  readonly provenance: Provenance;
};

/** Software, hardware and sources of a run. */
export type Provenance = {
  readonly exp: string;
  readonly node: string;
  readonly git: { readonly commit: string; readonly dirty: boolean } | null;
  readonly os: string;
  readonly hardware: Json;
  /** Environment -> sha256 of its lock file. */
  readonly locks: Readonly<Record<string, string>>;
  /** Environment -> the packages that its lock pins. */
  readonly packages: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly seeds: Readonly<Record<string, number>>;
  /** Data file, template or other source -> sha256. */
  readonly sources: Readonly<Record<string, string>>;
  /** README.md in the folder of a template -> sha256. It affects no result. Absent in runs of older versions. */
  readonly rationale?: Readonly<Record<string, string>>;
};

/** Whether a run is the final run of a setting that a selection chose. */
export const isWinner = ({ steps }: Pick<Manifest, "steps">): boolean => steps.select !== undefined;

/** Largest size of a manifest, in bytes. */
const sizeLimit = 64 * 2 ** 20;

/** Reads a manifest. Throws the system's error, and UserError: manifest-unreadable, manifest-format. */
export function readManifest(path: string): Manifest {
  return parseManifest(readText(path), path);
}

function readText(path: string): string {
  try {
    const bytes = readStart(path, sizeLimit + 1);
    if (bytes.length <= sizeLimit) return bytes.toString("utf8");
  } catch (error) {
    if (error instanceof UserError) throw unreadable(path, "it is not a regular file");
    throw error;
  }
  throw unreadable(path, `it is larger than ${sizeLimit / 2 ** 20} MiB`);
}

/** Parses the text of a manifest; `path` names it in errors. Throws UserError: manifest-unreadable, manifest-format. */
export function parseManifest(text: string, path: string): Manifest {
  let value: Partial<Manifest> | null;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(path, `it is not JSON (${(error as Error).message})`);
  }
  if (typeof value?.schema !== "number") throw unreadable(path, "it has no schema number");
  if (value.schema !== manifestFormat) {
    throw new UserError(
      "manifest-format",
      `cannot read ${path}: it has format ${value.schema}, and this version of exp reads format ${manifestFormat}`,
      { help: "run the experiment again, or read it with the version of exp that wrote it", status: "invalid" },
    );
  }
  if (!isBounded(value)) throw unreadable(path, "it is nested too deeply, or has a number that is too large");
  const manifest = unsealed(value);
  if (manifest === undefined) throw unreadable(path, "its content does not match its digest");
  const wrong = wrongField(manifest as Readonly<Record<string, unknown>>);
  if (wrong !== undefined) throw unreadable(path, `${wrong} is missing or invalid`);
  return manifest as Manifest;
}

/** The text of a manifest's file. It ends with a digest of the rest. */
export const manifestText = (manifest: Manifest): string => sealedJson(manifest, 1);

/**
 * The first field without the form that readers rely on; undefined if there is none. No name and no path leaves its
 * folder.
 */
function wrongField(manifest: Readonly<Record<string, unknown>>): string | undefined {
  const wrong = Object.entries(manifestFields).find(([name, isValid]) => !isValid(manifest[name]));
  return wrong?.[0];
}

const isName: Check = (value) => isInnerPath(value) && !value.includes("/");

/** The name of an experiment or run. exp prints it in commands. */
const isPlainName: Check = (value) => isName(value) && /^\w[\w.=,+-]*$/.test(value as string);

/** A version, a commit or an environment, which an exported folder contains in commands. */
const isWord: Check = (value) => typeof value === "string" && /^\w[\w.+-]*$/.test(value);

/**
 * Another line of a path would be a line of its own in an exported Dockerfile. A path that starts with a dash would be
 * an option in commands.
 */
const isFile: Check = (value) => isInnerPath(value) && !/^-|\p{Cc}/u.test(value);

/** The name of a step decides about the folder of its outputs. */
const isStepName: Check = (value) => isName(value) && !/\.\.|[\p{Cc}]/u.test(value as string);

const isStep = shape({
  kind: isText,
  key: isDigest,
  stepId: isText,
  object: isDigest,
  files: isListing,
  seconds: isNumber,
  created: isText,
  evidence: isMap,
  stale: optional(listOf(isText)),
});

const isPart = shape({ file: optional((value) => isText(value) || listOf(isText)(value)) });
const isOwnMetric = shape({
  name: isText,
  file: isText,
  definition: optional(isText),
  higher_is_better: isFlag,
  range: optional((value) => Array.isArray(value) && value.length === 2 && value.every(isNumber)),
  timeout: isNumber,
  memory: isText,
});

/** The parts of an experiment that every reader of manifests uses. */
const isExperiment = shape({
  name: isPlainName,
  task: isText,
  data: shape({
    train: isPart,
    test: optional(isPart),
    validation: optional(isPart),
    columns: isMap,
    labels: optional(shape({ min_cases: isNumber, soft_distance: optional(isNumber) })),
  }),
  model: shape({ base: isText }),
  prompt: shape({ template: isText }),
  generate: shape({ engine: isText }),
  evaluate: shape({
    split: isName,
    metrics: listOf((value) => isText(value) || isOwnMetric(value)),
    primary: shape({ metric: isText, view: isText }),
    judge: optional(
      shape({
        rubric: isText,
        scale: (value) => Array.isArray(value) && value.length === 2 && value.every(isNumber),
        generate: shape({ engine: isText }),
        ratings: optional(isText),
      }),
    ),
    embedding: optional(shape({ base: isText, revision: optional(isText) })),
    bootstrap: shape({ resamples: isNumber, seed: isNumber }),
  }),
  compare: listOf(isText),
  baselines: listOf(isText),
  report: isMap,
  resources: isMap,
});

const manifestFields: Readonly<Record<string, Check>> = {
  experiment: isPlainName,
  run: isPlainName,
  coordinates: isText,
  role: (value) => value === "candidate" || value === "final",
  smoke: isFlag,
  file: isFile,
  set: listOf(isText),
  sweep: optional(listOf(isText)),
  created: (value) => typeof value === "string" && !Number.isNaN(Date.parse(value)),
  config: isExperiment,
  compared: optional(mapOf(isExperiment, isPlainName)),
  steps: mapOf(isStep, isStepName),
  arms: mapOf(mapOf(mapOf(nullable(isNumber))), isName),
  intervals: mapOf(mapOf(mapOf(isInterval)), isName),
  cost: shape({ seconds: isNumber, peak_memory: isNumber, tokens: mapOf(isNumber), steps: mapOf(isMap) }),
  provenance: shape({
    exp: isWord,
    node: isWord,
    git: nullable(shape({ commit: isWord })),
    os: isText,
    hardware: optional(nullable(shape({ gpus: optional(listOf(isMap)) }))),
    locks: mapOf(isText, isWord),
    packages: mapOf(mapOf(isText)),
    seeds: mapOf(isNumber),
    sources: mapOf(isText),
    rationale: optional(mapOf(isText)),
  }),
};

function unreadable(path: string, reason: string): UserError {
  return new UserError("manifest-unreadable", `cannot read ${path}: ${reason}`, {
    help: "restore the file, or delete the run's folder and run the experiment again",
    status: "invalid",
  });
}
