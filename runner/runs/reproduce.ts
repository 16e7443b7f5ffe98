import type { StoreRecord } from "../pipeline/plan/record.ts";
import { diffRuns } from "./diff.ts";
import type { FinishedRun } from "./finished-runs.ts";

/**
 * How a step came out again. "same": byte for byte. "tolerated": Python or a model server computed it, which may give other bytes
 * elsewhere, or it reads what such a step gave. "differs": the same inputs gave other bytes although nothing in it may vary.
 */
export type Repeated = {
  readonly step: string;
  readonly outcome: "same" | "tolerated" | "differs";
  /** Files whose bytes are others. */
  readonly files: readonly string[];
};

/** A metric that came out otherwise. It is tolerated within the 95 % interval that the first run gave for it. */
export type Drift = {
  readonly arm: string;
  readonly view: string;
  readonly metric: string;
  readonly was: number;
  readonly is: number | null;
  readonly low: number;
  readonly high: number;
  readonly within: boolean;
  /** Whether the study is judged by it. */
  readonly primary: boolean;
};

/** A run and the same run once more. */
export type Reproduction = {
  readonly run: string;
  readonly again: string;
  readonly reproduced: boolean;
  readonly steps: readonly Repeated[];
  readonly metrics: readonly Drift[];
  /** What was not the same about the two: where differences most likely come from. */
  readonly causes: readonly string[];
};

/** Compares a run with its repetition. `peek` gives records of both stores. */
export function compareRepetition(
  first: FinishedRun,
  again: FinishedRun,
  world: { readonly artifacts: string; record(key: string): StoreRecord | undefined },
): Reproduction {
  const made = new Set(
    Object.values(first.manifest.steps).flatMap(({ files }) => Object.values(files).map(({ sha256 }) => sha256)),
  );
  // A selection is about other runs; what it chose is what was run again.
  const own = Object.entries(first.manifest.steps).filter(([, { kind }]) => kind !== "select");
  const steps = own.map(([step, was]): Repeated => {
    const is = again.manifest.steps[step];
    if (is === undefined) return { step, outcome: "differs", files: Object.keys(was.files) };
    const names = [...new Set([...Object.keys(was.files), ...Object.keys(is.files)])];
    const files = names.filter((name) => was.files[name]?.sha256 !== is.files[name]?.sha256);
    if (files.length === 0) return { step, outcome: "same", files };
    const inputs = Object.values(world.record(is.key)?.ingredients.inputs ?? {});
    // A winner's workbook shows the sweep too, and its repetition is one run alone.
    const showsSweep = is.kind === "workbook" && "select" in first.manifest.steps;
    const isFree =
      showsSweep ||
      is.evidence.deterministic === false ||
      "peak_memory" in is.evidence ||
      inputs.some((digest) => !made.has(digest));
    return { step, outcome: isFree ? "tolerated" : "differs", files };
  });
  const metrics = driftsOf(first, again);
  return {
    run: nameOf(first),
    again: nameOf(again),
    reproduced:
      steps.every(({ outcome }) => outcome !== "differs") && metrics.every(({ primary, within }) => within || !primary),
    steps,
    metrics,
    causes: causesOf(first, again, world),
  };
}

const nameOf = ({ manifest }: FinishedRun): string => `${manifest.experiment}/${manifest.run}`;

function driftsOf({ manifest }: FinishedRun, again: FinishedRun): readonly Drift[] {
  const { primary } = manifest.config.evaluate;
  return Object.entries(manifest.intervals).flatMap(([arm, views]) =>
    Object.entries(views).flatMap(([view, intervals]) =>
      Object.entries(intervals).flatMap(([metric, { low, high }]): readonly Drift[] => {
        const was = scoreOf(manifest, arm, view, metric);
        const is = scoreOf(again.manifest, arm, view, metric);
        if (was === undefined || is === was) return [];
        const within = is !== undefined && is >= low && is <= high;
        const isPrimary = metric === primary.metric && view === primary.view;
        return [{ arm, view, metric, was, is: is ?? null, low, high, within, primary: isPrimary }];
      }),
    ),
  );
}

function scoreOf({ arms }: FinishedRun["manifest"], arm: string, view: string, metric: string): number | undefined {
  return (arms[arm] as Readonly<Record<string, Readonly<Record<string, number>>>> | undefined)?.[view]?.[metric];
}

/** Differences of what the two were made of and on, the likeliest cause first: data and recipes, packages, machine. */
function causesOf(
  first: FinishedRun,
  again: FinishedRun,
  world: Omit<Parameters<typeof diffRuns>[3], "parts">,
): readonly string[] {
  const { view } = first.manifest.config.evaluate.primary;
  const { data, prompt, recipe, environment, hardware } = diffRuns(first, again, view, {
    ...world,
    // Differences of cases are not read here.
    parts: () => [],
  });
  const say = (what: string, changes: typeof data): readonly string[] =>
    changes.map(({ name, a, b }) => `${what} ${name}: ${short(a)} -> ${short(b)}`);
  return [
    ...say("data", data),
    ...say("prompt", prompt),
    ...say("recipe", recipe),
    // Another commit alone changes no bytes: sources have digests of their own.
    ...say(
      "environment",
      environment.filter(({ name }) => !name.startsWith("git")),
    ),
    ...say("hardware", hardware),
  ];
}

const short = (value: unknown): string => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 20 ? `${text.slice(0, 17)}…` : text;
};
