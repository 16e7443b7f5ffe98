import type { StoreRecord } from "../pipeline/plan/record.ts";
import { diffRuns } from "./diff.ts";
import { type FinishedRun, runLabel } from "./finished-runs.ts";
import { isWinner } from "./manifest.ts";

/**
 * The repetition of a step. `same`: the same bytes. `tolerated`: other bytes, but Python or a model server computed them, or the
 * step reads such files. `differs`: other bytes although the step is deterministic.
 */
export type RepeatedStep = {
  readonly step: string;
  readonly outcome: "same" | "tolerated" | "differs";
  /** Files with other bytes. */
  readonly files: readonly string[];
};

/** A metric with another value. It is tolerated within the 95 % interval of the first run. */
export type MetricChange = {
  readonly arm: string;
  readonly view: string;
  readonly metric: string;
  readonly was: number;
  readonly is: number | null;
  /** Absent if the metric has no interval: no other value is tolerated then. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly within: boolean;
  /** Whether it is the primary metric in the primary view. */
  readonly primary: boolean;
};

/** A run and its repetition. */
export type Reproduction = {
  readonly run: string;
  readonly again: string;
  readonly reproduced: boolean;
  readonly steps: readonly RepeatedStep[];
  readonly metrics: readonly MetricChange[];
  /** Differences in data, software and hardware: the likely causes. */
  readonly causes: readonly string[];
};

/** Compares a run with its repetition. `record` finds the records of both stores. */
export function compareRepetition(
  first: FinishedRun,
  again: FinishedRun,
  context: { readonly artifacts: string; record(key: string): StoreRecord | undefined },
): Reproduction {
  const written = new Set(
    Object.values(first.manifest.steps).flatMap(({ files }) => Object.values(files).map(({ sha256 }) => sha256)),
  );
  // A selection is about other runs. The repetition ran the selected setting only.
  const own = Object.entries(first.manifest.steps).filter(([, { kind }]) => kind !== "select");
  const steps = own.map(([step, was]): RepeatedStep => {
    const is = again.manifest.steps[step];
    if (is === undefined) return { step, outcome: "differs", files: Object.keys(was.files) };
    const names = [...new Set([...Object.keys(was.files), ...Object.keys(is.files)])];
    const files = names.filter((name) => was.files[name]?.sha256 !== is.files[name]?.sha256);
    if (files.length === 0) return { step, outcome: "same", files };
    const inputs = Object.values(context.record(is.key)?.ingredients.inputs ?? {});
    // The workbook of a winner shows the sweep, which the repetition does not have.
    const showsSweep = is.kind === "workbook" && isWinner(first.manifest);
    const mayDiffer =
      showsSweep ||
      is.evidence.deterministic === false ||
      "peak_memory" in is.evidence ||
      inputs.some((digest) => !written.has(digest));
    return { step, outcome: mayDiffer ? "tolerated" : "differs", files };
  });
  const metrics = metricChanges(first, again);
  return {
    run: runLabel(first),
    again: runLabel(again),
    reproduced:
      steps.every(({ outcome }) => outcome !== "differs") && metrics.every(({ primary, within }) => within || !primary),
    steps,
    metrics,
    causes: causesOf(first, again, context),
  };
}

function metricChanges({ manifest }: FinishedRun, again: FinishedRun): readonly MetricChange[] {
  const { primary } = manifest.config.evaluate;
  return Object.entries(manifest.intervals).flatMap(([arm, views]) =>
    Object.entries(views).flatMap(([view, intervals]) =>
      Object.entries(intervals).flatMap(([metric, { low, high }]): readonly MetricChange[] => {
        const was = scoreOf(manifest, arm, view, metric);
        const is = scoreOf(again.manifest, arm, view, metric);
        if (was === undefined || is === was) return [];
        const within = is !== undefined && low !== undefined && high !== undefined && is >= low && is <= high;
        const isPrimary = metric === primary.metric && view === primary.view;
        return [{ arm, view, metric, was, is: is ?? null, low, high, within, primary: isPrimary }];
      }),
    ),
  );
}

function scoreOf({ arms }: FinishedRun["manifest"], arm: string, view: string, metric: string): number | undefined {
  return (
    (arms[arm] as Readonly<Record<string, Readonly<Record<string, number | null>>>> | undefined)?.[view]?.[metric] ??
    undefined
  );
}

/** Differences between the inputs of the two runs, the likeliest cause first: data, prompts, recipes, packages, hardware. */
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
  const describe = (what: string, changes: typeof data): readonly string[] =>
    changes.map(({ name, a, b }) => `${what} ${name}: ${short(a)} -> ${short(b)}`);
  return [
    ...describe("data", data),
    ...describe("prompt", prompt),
    ...describe("recipe", recipe),
    // Another commit alone is no cause: sources have digests of their own.
    ...describe(
      "environment",
      environment.filter(({ name }) => !name.startsWith("git")),
    ),
    ...describe("hardware", hardware),
  ];
}

const short = (value: unknown): string => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 20 ? `${text.slice(0, 17)}…` : text;
};
