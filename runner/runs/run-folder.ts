import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { formatArm, parseStepRef } from "../pipeline/plan/step-ref.ts";
import { canonicalJson, type Json, sha256 } from "../util/canonical.ts";
import { fsyncPath, makeFolderDurably } from "../util/fsync.ts";
import { UserError } from "../util/user-error.ts";
import type { ManifestStep } from "./manifest.ts";

/** Name of the link to an experiment's latest run. */
export const latestLink = "latest";

/** Number of digits at the end of a run's name. */
export const runNameDigits = 8;

/** The folder of all runs in an artifacts folder. */
export const runsDir = (artifacts: string): string => join(artifacts, "runs");

/**
 * The name of a run's folder: its coordinates with unusual characters replaced by "_", and digits that distinguish runs
 * at the same coordinates.
 */
export function runName(coordinates: string, digits: string): string {
  return coordinates === "" ? digits : `${coordinates.replaceAll(/[^A-Za-z0-9._=,+-]/g, "_").slice(0, 120)}-${digits}`;
}

/** The digits of a run's name: a digest of its configuration and of its steps' outputs. */
export function runDigits(
  config: Json,
  steps: Readonly<Record<string, Pick<ManifestStep, "key" | "object" | "stale">>>,
): string {
  const all = Object.entries(steps);
  const objects = Object.fromEntries(all.map(([id, { key, object }]) => [id, [key, object]]));
  // A run that accepts a stale result differs from the run that made the result.
  const stale = Object.fromEntries(all.map(([id, { stale = [] }]) => [id, stale]));
  const accepted = Object.values(stale).some((names) => names.length > 0) ? { stale } : {};
  return sha256(canonicalJson({ config, objects, ...accepted })).slice(0, runNameDigits);
}

/**
 * The subfolder of a run's folder that holds the outputs of a step: one for each arm, `data` for the rows, and the top
 * for the other steps. Steps of a compared experiment that belong to no arm are below `compared/<experiment>`.
 */
export function outputFolder(step: string): string {
  const { stage, arm, experiment, split = "" } = parseStepRef(step);
  // Judge and embedding model have files of their own.
  const part = stage.startsWith("judge") ? "judge" : stage === "embed" ? "embedding" : split;
  if (arm !== undefined) return join(formatArm({ arm, experiment }), part);
  // Their files have names that those of prompts have too.
  const own = ["data", "candidates", "suspect_scores", "suspects"].includes(stage)
    ? stage
    : stage === "fetch_embedding"
      ? "embedding"
      : "";
  return experiment === undefined ? own : join("compared", experiment, own);
}

/** What a run's folder links to, of one step. */
type StepOutput = Pick<StoreRecord, "object" | "files">;

/** Where run folders are put together. */
export type RunStaging = {
  objectDir(object: string): string;
  /** Makes a folder on the disk of the artifacts folder. */
  stage(): { readonly dir: string; discard(): void };
};

/**
 * Makes a run's folder: links to the outputs of its steps, then its manifest, then one rename to the final name. Each
 * part is flushed before the rename, and the name after it.
 */
export function placeRun(
  folder: string,
  steps: Iterable<readonly [step: string, output: StepOutput]>,
  manifest: () => string,
  { stage, objectDir }: RunStaging,
): void {
  const staged = stage();
  try {
    const owners = new Map([["manifest.json", "the run"]]);
    const folders = new Set([""]);
    for (const [step, { object, files }] of steps) {
      const into = outputFolder(step);
      for (let made = into; made !== "" && made !== "."; made = dirname(made)) folders.add(made);
      mkdirSync(join(staged.dir, into), { recursive: true });
      for (const name of new Set(Object.keys(files).map((file) => file.split("/")[0] as string))) {
        const path = join(into, name);
        const other = owners.get(path);
        if (other !== undefined) throw unusable(`${other} and ${step} both write ${path}`);
        if (["", ".", ".."].includes(name)) throw unusable(`${step} has an output without a name`);
        owners.set(path, step);
        symlinkSync(relative(join(folder, into), join(objectDir(object), name)), join(staged.dir, path));
      }
    }
    // "wx": never through a link.
    writeFileSync(join(staged.dir, "manifest.json"), manifest(), { flush: true, flag: "wx" });
    for (const made of folders) fsyncPath(join(staged.dir, made));
    moveInto(folder, staged.dir);
    fsyncPath(dirname(folder));
  } finally {
    staged.discard();
  }
}

/** The error for steps whose outputs cannot be linked into one folder. */
function unusable(reason: string): UserError {
  return new UserError("manifest-outputs", `cannot make the folder of the run: ${reason}`, {
    help: "do not use this run: exp did not write its manifest",
  });
}

/** Moves a staged run to its final name. If several processes seal the same run, the first one wins. */
function moveInto(folder: string, staged: string): void {
  makeFolderDurably(dirname(folder));
  try {
    renameSync(staged, folder);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    if (existsSync(join(folder, "manifest.json"))) return;
    rmSync(folder, { recursive: true, force: true });
    renameSync(staged, folder);
  }
}

/**
 * Points an experiment's `latest` link at a sealed run. The link is replaced by one rename: it exists at every moment.
 */
export function makeLatest(manifest: string): void {
  const folder = dirname(manifest);
  const link = join(dirname(folder), latestLink);
  const draft = `${link}.${process.pid}`;
  rmSync(draft, { force: true });
  symlinkSync(basename(folder), draft);
  renameSync(draft, link);
}
