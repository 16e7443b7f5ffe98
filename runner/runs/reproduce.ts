import type { StoreRecord } from "../pipeline/plan/record.ts";
import { stepOfArm } from "../pipeline/plan/step-ref.ts";
import { diffRuns } from "./diff.ts";
import { type FinishedRun, runLabel } from "./finished-runs.ts";
import { isWinner, type Manifest } from "./manifest.ts";

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

/**
 * A metric with another value. It is tolerated if each run's value is within the other's 95 % interval. A run from
 * somewhere else can state any interval: that of the repetition is computed here.
 */
export type MetricChange = {
  readonly arm: string;
  readonly view: string;
  readonly metric: string;
  readonly was: number | null;
  readonly is: number | null;
  /** The interval of the first run. Absent if the metric has none in one of the runs: no other value is tolerated. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly within: boolean;
  /** Whether the scoring has the same bytes in both runs: the first manifest does not state what its files have. */
  readonly forged: boolean;
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
  const metrics = metricChanges(
    first,
    again,
    new Set(steps.flatMap((one) => (one.outcome === "same" ? one.step : []))),
  );
  return {
    run: runLabel(first),
    again: runLabel(again),
    reproduced:
      steps.every(({ outcome }) => outcome !== "differs") &&
      metrics.every(({ primary, within, forged }) => !forged && (within || !primary)),
    steps,
    metrics,
    causes: causesOf(first, again, context),
  };
}

function metricChanges(first: FinishedRun, again: FinishedRun, same: ReadonlySet<string>): readonly MetricChange[] {
  const { primary } = first.manifest.config.evaluate;
  const [scores, repeated] = [scoresIn(first.manifest), scoresIn(again.manifest)];
  return [...new Set([...scores.keys(), ...repeated.keys()])].flatMap((key): readonly MetricChange[] => {
    const [arm, view, metric] = JSON.parse(key) as [string, string, string];
    const [was = null, is = null] = [scores.get(key), repeated.get(key)];
    if (was === is) return [];
    const own = intervalOf(first.manifest, arm, view, metric);
    const within = contains(own, is) && contains(intervalOf(again.manifest, arm, view, metric), was);
    const isPrimary = metric === primary.metric && view === primary.view;
    const forged = same.has(stepOfArm("evaluate", arm));
    return [{ arm, view, metric, was, is, low: own?.low, high: own?.high, within, forged, primary: isPrimary }];
  });
}

/** Arm, view and metric as JSON -> value. */
function scoresIn({ arms }: Manifest): ReadonlyMap<string, number | null> {
  const all = Object.entries(arms).flatMap(([arm, views]) =>
    Object.entries(views).flatMap(([view, metrics]) =>
      Object.entries(metrics).map(([metric, value]) => [JSON.stringify([arm, view, metric]), value] as const),
    ),
  );
  return new Map(all);
}

type Ends = { readonly low?: number | undefined; readonly high?: number | undefined };

function intervalOf({ intervals }: Manifest, arm: string, view: string, metric: string): Ends | undefined {
  const views: Readonly<Record<string, Readonly<Record<string, Ends>>>> | undefined = intervals[arm];
  return views?.[view]?.[metric];
}

const contains = (ends: Ends | undefined, value: number | null): boolean =>
  value !== null && ends?.low !== undefined && ends.high !== undefined && value >= ends.low && value <= ends.high;

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
