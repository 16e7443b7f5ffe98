import type { View } from "../data/labels/views.ts";
import { compareParts } from "../evaluation/compare-parts.ts";
import type { CaseAnswer } from "../evaluation/statistics/comparison.ts";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import type { Json } from "../util/canonical.ts";
import { dotted } from "../util/flatten.ts";
import { UserError } from "../util/user-error.ts";
import { type FinishedRun, runLabel } from "./finished-runs.ts";
import type { Manifest } from "./manifest.ts";
import { answersOf } from "./run-outputs.ts";

/** A value of both runs; null if a run has none. */
export type Change = { readonly name: string; readonly a: Json; readonly b: Json };

/** A case that one run answers correctly and the other wrongly, or both wrongly but differently. */
export type Flip = {
  readonly id: string;
  /** Parts of gold and of the predictions of both runs, as written. */
  readonly gold: readonly string[];
  readonly a: readonly string[];
  readonly b: readonly string[];
};

/** How the answers of one arm differ, in one view. `fixed` cases are wrong in A and right in B. */
export type Flips = {
  readonly cases: number;
  readonly fixed: readonly Flip[];
  readonly broken: readonly Flip[];
  /** Wrong in both, with different labels. */
  readonly changed: readonly Flip[];
};

/** The differences between two runs, by origin. */
export type RunDiff = {
  readonly a: string;
  readonly b: string;
  readonly view: View;
  readonly config: readonly Change[];
  readonly data: readonly Change[];
  readonly prompt: readonly Change[];
  readonly recipe: readonly Change[];
  readonly environment: readonly Change[];
  readonly hardware: readonly Change[];
  /** Files of steps, by their sha256. */
  readonly files: readonly Change[];
  /** "tuned canonical micro_f1" */
  readonly metrics: readonly (Change & { readonly difference: number | null })[];
  /** By arm, of the arms that both runs have. */
  readonly cases: Readonly<Record<string, Flips>>;
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
};

/** What a diff needs of the store and the task. */
export type DiffContext = {
  readonly artifacts: string;
  record(key: string): StoreRecord | undefined;
  /** The parts of a target or prediction: labels, or one text. Without a view, as written. */
  parts(value: unknown, view?: View, gold?: unknown): readonly string[];
};

/** Compares the inputs and the results of two runs. Cases are compared in `view`. */
export function diffRuns(a: FinishedRun, b: FinishedRun, view: View, context: DiffContext): RunDiff {
  const sources = changes(named(a, context), named(b, context));
  const of = (kind: string): readonly Change[] =>
    sources
      .filter(({ name }) => name.startsWith(`${kind} `))
      .map(({ name, ...sides }) => ({ name: name.slice(kind.length + 1), ...sides }));
  const notes: string[] = [];
  const cases: Record<string, Flips> = {};
  const parts = (value: unknown, gold?: unknown): readonly string[] => context.parts(value, view, gold);
  for (const arm of Object.keys(a.manifest.arms).filter((name) => name in b.manifest.arms)) {
    try {
      if (answersFile(a, arm) === answersFile(b, arm)) cases[arm] = { cases: 0, fixed: [], broken: [], changed: [] };
      else
        cases[arm] = flips(
          answersOf(a, arm, context.artifacts),
          answersOf(b, arm, context.artifacts),
          { parts, written: (value) => context.parts(value) },
          arm,
          notes,
        );
    } catch (error) {
      if (!(error instanceof UserError && error.code === "file-gone")) throw error;
      notes.push(error.message);
    }
  }
  return {
    a: runLabel(a),
    b: runLabel(b),
    view,
    config: changes(dotted(a.manifest.config), dotted(b.manifest.config)),
    data: of("data"),
    prompt: of("prompt"),
    recipe: of("recipe"),
    environment: changes(environmentOf(a.manifest), environmentOf(b.manifest)),
    hardware: changes(hardwareOf(a.manifest), hardwareOf(b.manifest)),
    files: changes(filesOf(a.manifest), filesOf(b.manifest)),
    metrics: changes(metricsOf(a.manifest), metricsOf(b.manifest)).map((change) => ({
      ...change,
      difference: typeof change.a === "number" && typeof change.b === "number" ? change.b - change.a : null,
    })),
    cases,
    notes,
  };
}

function answersFile({ manifest }: FinishedRun, arm: string): string | undefined {
  return manifest.steps[stepOfArm("evaluate", arm)]?.files["predictions.jsonl"]?.sha256;
}

/** The entries that differ between two maps, in the order of the first. */
function changes(a: ReadonlyMap<string, Json>, b: ReadonlyMap<string, Json>): readonly Change[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((name) => JSON.stringify(a.get(name)) !== JSON.stringify(b.get(name)))
    .map((name) => ({ name, a: a.get(name) ?? null, b: b.get(name) ?? null }));
}

/**
 * The sources of a run's steps with their digests. The names come from the records, which have logical names of recipes and
 * templates. If the records are missing, the names are the paths in the manifest.
 */
function named({ manifest }: FinishedRun, { record }: DiffContext): ReadonlyMap<string, Json> {
  const found = new Map<string, Json>();
  for (const [id, { key }] of Object.entries(manifest.steps)) {
    for (const [name, digest] of Object.entries(record(key)?.ingredients.sources ?? {})) {
      if (name.startsWith("recipes/")) found.set(`recipe ${name}`, digest);
      else if (name === "template") found.set(`prompt template of ${id}`, digest);
      else if (!name.startsWith("lock of")) found.set(`data ${name}`, digest);
    }
  }
  if (found.size > 0) return found;
  return new Map(
    Object.entries(manifest.provenance.sources).map(([path, digest]) => [
      `${/\.hbs$/.test(path) ? "prompt" : "data"} ${path}`,
      digest,
    ]),
  );
}

function environmentOf({ provenance }: Manifest): ReadonlyMap<string, Json> {
  const { exp, node, git, os, locks, packages } = provenance;
  return dotted({ exp, node, os, git, "lock sha256": locks, packages });
}

function hardwareOf({ provenance, steps }: Manifest): ReadonlyMap<string, Json> {
  const devices = Object.entries(steps).flatMap(([id, { evidence }]) =>
    evidence.device === undefined ? [] : [[`device of ${id}`, evidence.device] as const],
  );
  return new Map([...dotted(provenance.hardware), ...devices]);
}

function filesOf({ steps }: Manifest): ReadonlyMap<string, Json> {
  return new Map(
    Object.entries(steps).flatMap(([id, { files }]) =>
      Object.entries(files).map(([path, { sha256 }]) => [`${id}: ${path}`, sha256] as const),
    ),
  );
}

function metricsOf({ arms }: Manifest): ReadonlyMap<string, Json> {
  return new Map(
    Object.entries(arms).flatMap(([arm, views]) =>
      Object.entries(views).flatMap(([view, metrics]) =>
        Object.entries(metrics).map(([metric, value]) => [`${arm} ${view} ${metric}`, value as number | null] as const),
      ),
    ),
  );
}

type Parts = (value: unknown, gold?: unknown) => readonly string[];

function flips(
  a: readonly CaseAnswer[],
  b: readonly CaseAnswer[],
  { parts, written }: { readonly parts: Parts; readonly written: Parts },
  arm: string,
  notes: string[],
): Flips {
  const byId = new Map(b.map((answer) => [answer.id, answer]));
  const found = { fixed: [] as Flip[], broken: [] as Flip[], changed: [] as Flip[] };
  let cases = 0;
  let otherGold = 0;
  for (const first of a) {
    const second = byId.get(first.id);
    if (second === undefined) continue;
    cases++;
    if (JSON.stringify(first.gold) !== JSON.stringify(second.gold)) otherGold++;
    const isSame = (first.parsed ?? true) === (second.parsed ?? true);
    if (isSame && JSON.stringify(first.prediction) === JSON.stringify(second.prediction)) continue;
    const [one, other] = [parts(first.prediction, first.gold), parts(second.prediction, second.gold)];
    const was = compareParts(parts(first.gold), one, first.parsed);
    const is = compareParts(parts(second.gold), other, second.parsed);
    const [gold, from, to] = [first.gold, first.prediction, second.prediction].map((value) => written(value));
    const flip = { id: first.id, gold, a: from, b: to } as Flip;
    if (!was.exact && is.exact) found.fixed.push(flip);
    else if (was.exact && !is.exact) found.broken.push(flip);
    else if (!was.exact && !compareParts(one, other).exact) found.changed.push(flip);
  }
  const alone = a.length + b.length - 2 * cases;
  if (alone > 0) notes.push(`${arm}: ${alone} cases are in one of the runs only`);
  if (otherGold > 0) notes.push(`${arm}: the gold of ${otherGold} cases differs`);
  return { cases, ...found };
}
