import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { PlannedRun, PlannedStep } from "../pipeline/plan/plan.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { changedSources } from "../pipeline/plan/stale.ts";
import { armOfStep, formatArm, parseStepRef } from "../pipeline/plan/step-ref.ts";
import type { Json } from "../util/canonical.ts";
import { canonicalJson, sha256 } from "../util/canonical.ts";
import { energyOf } from "./energy.ts";
import { digitCount, latestLink, runName, runsDir } from "./finished-runs.ts";
import type { ArmMetrics, Cost, Manifest, ManifestStep, Provenance } from "./manifest.ts";

/** What sealing needs besides the run itself. */
export type Sealing = {
  readonly artifacts: string;
  objectDir(object: string): string;
  /** A folder on the same disk in which a run is put together. */
  stage(): { readonly dir: string; discard(): void };
  /** The experiment's file, relative to the project root, and the settings that overrode it. */
  readonly file: string;
  readonly set: readonly string[];
  readonly sweep: readonly string[];
  readonly smoke: boolean;
  /** The resolved experiment; paths relative to the project root. */
  readonly config: Json;
  /** The resolved experiments that it compares itself with, by name. */
  readonly compared: Readonly<Record<string, Json>>;
  /** Asked only when the run is new. */
  provenance(): Provenance;
};

/**
 * Writes a finished run to `runs/<experiment>/<run>/`: links to its files, then manifest.json. A run of the same steps
 * with the same outputs is the same run, and its manifest stays as it is.
 * Returns the manifest's path and the run's name.
 */
export function seal(
  run: PlannedRun,
  records: ReadonlyMap<PlannedStep, StoreRecord>,
  sealing: Sealing,
): { readonly run: string; readonly manifest: string } {
  const steps = new Map<string, readonly [PlannedStep, StoreRecord]>();
  for (const [id, step] of run.steps) {
    const record = records.get(step);
    if (record !== undefined) steps.set(id, [step, record]);
  }
  const made = [...steps].map(([id, [step, record]]) => [
    id,
    { key: record.key, object: record.object, stale: staleIn(step, record) },
  ]);
  const digits = runDigits(sealing.config, Object.fromEntries(made));
  const name = runName(run.coordinates, digits);
  const folder = join(runsDir(sealing.artifacts), run.experiment, name);
  const path = join(folder, "manifest.json");
  if (!existsSync(path)) {
    const links = [...steps].map(([id, [, record]]): readonly [string, Linked] => [id, record]);
    placeRun(folder, links, () => `${JSON.stringify(manifestOf(run, name, steps, sealing), null, 1)}\n`, sealing);
  }
  return { run: name, manifest: path };
}

/** Puts a run's folder together, the links to its files and its manifest, and gives it its name by one rename. */
export function placeRun(
  folder: string,
  steps: Iterable<readonly [string, Linked]>,
  manifest: () => string,
  { stage, objectDir }: Pick<Sealing, "stage" | "objectDir">,
): void {
  const staged = stage();
  try {
    const published = new Map<string, string>();
    const place = { final: folder, now: staged.dir };
    for (const [id, step] of steps) link(place, id, step, objectDir(step.object), published);
    writeFileSync(join(staged.dir, "manifest.json"), manifest(), { flush: true });
    moveInto(folder, staged.dir);
  } finally {
    staged.discard();
  }
}

/** The digits of a run's name: a digest of its configuration and of what its steps gave. */
export function runDigits(
  config: Json,
  steps: Readonly<Record<string, Pick<ManifestStep, "key" | "object" | "stale">>>,
): string {
  const all = Object.entries(steps);
  const objects = Object.fromEntries(all.map(([id, { key, object }]) => [id, [key, object]]));
  // A run that accepts an old result is another one than the run that made it.
  const stale = Object.fromEntries(all.map(([id, { stale = [] }]) => [id, stale]));
  const accepted = Object.values(stale).some((names) => names.length > 0) ? { stale } : {};
  return sha256(canonicalJson({ config, objects, ...accepted })).slice(0, digitCount);
}

/** Makes a sealed run its experiment's latest, in one step, so that no reader finds none. */
export function makeLatest(manifest: string): void {
  const folder = dirname(manifest);
  const link = join(dirname(folder), latestLink);
  const fresh = `${link}.${process.pid}`;
  rmSync(fresh, { force: true });
  symlinkSync(basename(folder), fresh);
  renameSync(fresh, link);
}

/**
 * The folder of a step's outputs within a run's folder: `<arm>/`, or the top folder for a step without an arm. A step of a compared
 * experiment without an arm has `compared/<experiment>/`; answers to other rows than the evaluated ones have `<arm>/<split>/`.
 */
export function publishedFolder(id: string): string {
  const { stage, arm, experiment, split = "" } = parseStepRef(id);
  if (arm !== undefined) return join(formatArm({ arm, experiment }), split);
  const own = stage === "data" ? stage : "";
  return experiment === undefined ? own : join("compared", experiment, own);
}

/** What of a step is linked to. */
type Linked = Pick<StoreRecord, "object" | "files">;

type Place = { readonly final: string; readonly now: string };

function link(place: Place, id: string, record: Linked, object: string, published: Map<string, string>): void {
  const into = publishedFolder(id);
  mkdirSync(join(place.now, into), { recursive: true });
  for (const top of new Set(Object.keys(record.files).map((file) => file.split("/")[0] as string))) {
    const path = join(into, top);
    const other = published.get(path);
    if (other !== undefined) throw new Error(`${other} and ${id} both publish ${path}`);
    published.set(path, id);
    symlinkSync(relative(join(place.final, into), join(object, top)), join(place.now, path));
  }
}

/** One rename, so that a run's folder is never seen half-made. Of several that seal the same run, the first wins. */
function moveInto(folder: string, staged: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  try {
    renameSync(staged, folder);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    if (existsSync(join(folder, "manifest.json"))) return;
    rmSync(folder, { recursive: true, force: true });
    renameSync(staged, folder);
  }
}

function manifestOf(
  run: PlannedRun,
  name: string,
  steps: ReadonlyMap<string, readonly [PlannedStep, StoreRecord]>,
  sealing: Sealing,
): Manifest {
  const kept: Record<string, ManifestStep> = {};
  const arms: Record<string, ArmMetrics> = {};
  const intervals: Record<string, Manifest["intervals"][string]> = {};
  for (const [id, [step, record]] of steps) {
    const stale = staleIn(step, record);
    kept[id] = {
      kind: step.kind.name,
      key: record.key,
      stepId: step.stepId,
      object: record.object,
      files: record.files,
      seconds: record.seconds,
      created: record.created,
      evidence: record.evidence,
      ...(stale.length > 0 ? { stale } : {}),
    };
    if (step.kind.name === "evaluate") {
      const file = join(sealing.objectDir(record.object), "metrics.json");
      const arm = armOfStep(id);
      const metrics = JSON.parse(readFileSync(file, "utf8")) as {
        readonly views: ArmMetrics;
        readonly intervals: Manifest["intervals"][string];
      };
      arms[arm] = metrics.views;
      intervals[arm] = metrics.intervals;
    }
  }
  return {
    schema: 1,
    experiment: run.experiment,
    run: name,
    coordinates: run.coordinates,
    role: run.role,
    smoke: sealing.smoke,
    file: sealing.file,
    set: sealing.set,
    ...(sealing.sweep.length > 0 ? { sweep: sealing.sweep } : {}),
    created: new Date().toISOString(),
    config: sealing.config,
    ...(Object.keys(sealing.compared).length > 0 ? { compared: sealing.compared } : {}),
    steps: kept,
    arms,
    intervals,
    cost: costOf(kept),
    provenance: sealing.provenance(),
  };
}

/** Sources that have changed since a step's record was written: it was accepted although stale. */
function staleIn(step: PlannedStep, record: StoreRecord): readonly string[] {
  return changedSources(record.ingredients.sources, step.sourceDigests);
}

function costOf(steps: Readonly<Record<string, ManifestStep>>): Cost {
  const number = (value: Json | undefined): number => (typeof value === "number" ? value : 0);
  // Two steps of one key are one piece of work.
  const all = [...new Map(Object.values(steps).map((step) => [step.key, step])).values()];
  const energy = energyOf(all);
  // Preflight too counts trained tokens: those of one epoch, before there is any.
  const total = (name: string, counted = all): number =>
    counted.reduce((sum, { evidence }) => sum + number(evidence[name]), 0);
  return {
    seconds: Math.round(all.reduce((sum, { seconds }) => sum + seconds, 0) * 1000) / 1000,
    peak_memory: Math.max(0, ...all.map(({ evidence }) => number(evidence.peak_memory))),
    tokens: {
      trained: total(
        "trained_tokens",
        all.filter(({ kind }) => kind === "train"),
      ),
      prompted: total("prompt_tokens"),
      generated: total("new_tokens"),
    },
    ...(energy === undefined ? {} : { energy }),
    steps: Object.fromEntries(
      Object.entries(steps).map(([id, { seconds, evidence }]) => [
        id,
        { seconds, peak_memory: typeof evidence.peak_memory === "number" ? evidence.peak_memory : null },
      ]),
    ),
  };
}
