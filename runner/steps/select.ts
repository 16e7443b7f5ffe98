import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadedExperiment, Point } from "../experiment/loaded.ts";
import type { Select } from "../experiment/schema.ts";
import { viewOf } from "../labels/views.ts";
import { isBetter } from "../metrics/metrics.ts";
import type { Draft, Json, Ports, StepKind } from "../plan/step.ts";
import { compareAnswers } from "../statistics/comparison.ts";
import { subjectOf } from "./arms.ts";
import type { LabelCount } from "./data.ts";
import { draft } from "./draft.ts";
import type { ArmMetrics, Prediction } from "./evaluate.ts";
import { readJsonLines } from "./jsonl.ts";
import type { Site } from "./site.ts";
import { synonymsOf } from "./synonyms.ts";

type Params = {
  readonly metric: Select["metric"];
  readonly view: Select["view"];
  readonly repeated: readonly string[];
  readonly settings: readonly {
    readonly setting: string;
    /** Dotted key -> value of what is selected among. */
    readonly values: { readonly [key: string]: Json };
    /** Coordinates of its runs, and the number in the names of what is read of each. */
    readonly runs: readonly { readonly coordinates: string; readonly at: number }[];
  }[];
  readonly bootstrap: { readonly samples: number; readonly seed: number };
  readonly exp: string;
};

type Ends = { readonly low: number; readonly high: number };

/** One setting of a sweep on validation rows; averaged over its runs where they are seeds of each other. */
export type ScoredSetting = Ends & {
  /** "train.rank=8,train.method=lora" */
  readonly setting: string;
  readonly values: { readonly [key: string]: Json };
  readonly value: number;
  /** Standard deviation over seeds; null for a single run. */
  readonly sd: number | null;
  readonly runs: readonly (Partial<Ends> & { readonly coordinates: string; readonly value: number })[];
};

/** What selection.json holds: the table by which a sweep's winner was chosen, and why it was. */
export type Selection = {
  readonly metric: Select["metric"];
  readonly view: Select["view"];
  readonly rows: "validation";
  readonly n: number;
  /** Keys that were averaged over. */
  readonly repeated: readonly string[];
  /** In the order of the sweep. */
  readonly settings: readonly ScoredSetting[];
  /** The setting that won. */
  readonly winner: string;
  readonly why: string;
};

/** Chooses the winner of a sweep by scores on validation rows. Seeds of one setting are averaged, not chosen among. */
export const select: StepKind<Params> = {
  name: "select",
  version: 1,
  cached: true,
  outputs: () => ["selection.json"],
  async run({ metric, view, repeated, settings, bootstrap }, ports) {
    let n = 0;
    const scored: ScoredSetting[] = [];
    for (const { setting, values, runs } of settings) {
      const own = runs.map(({ coordinates, at }) => {
        const metrics = JSON.parse(readFileSync(ports.input(`metrics.${at}`), "utf8")) as ArmMetrics;
        n = metrics.n;
        const ends = metrics.intervals[view][metric];
        return {
          coordinates,
          value: metrics.views[view][metric],
          ...(ends === undefined ? {} : { low: ends.low, high: ends.high }),
        };
      });
      const [first] = own;
      const single = own.length === 1 && first !== undefined ? { sd: null, ...first } : undefined;
      const { value, low, high, sd } =
        single ??
        (await averaged(
          setting,
          runs.map(({ at }) => at),
          { metric, view, bootstrap },
          ports,
        ));
      scored.push({ setting, values, value, low: low ?? value, high: high ?? value, sd: sd ?? null, runs: own });
    }
    const best = scored.reduce((winner, one) => (isBetter(metric, one.value, winner.value) ? one : winner));
    const selection: Selection = {
      ...{ metric, view, rows: "validation", n, repeated, settings: scored },
      winner: best.setting,
      why: reasonOf(best, scored, { metric, view, n }),
    };
    writeFileSync(join(ports.output, "selection.json"), `${JSON.stringify(selection, null, 1)}\n`);
    ports.evidence({ settings: scored.length, winner: best.setting });
  },
};

/** The mean of a setting over its seeds, with an interval that draws cases and seeds. */
async function averaged(
  name: string,
  runs: readonly number[],
  { metric, view, bootstrap: { samples, seed } }: Pick<Params, "metric" | "view" | "bootstrap">,
  ports: Ports,
) {
  const labels = JSON.parse(readFileSync(ports.input(`labels.${runs[0]}`), "utf8")) as readonly LabelCount[];
  const seeds = runs.map((at) => readJsonLines<Prediction>(ports.input(`predictions.${at}`)));
  const { arms } = await compareAnswers(
    [{ name, seeds }],
    {
      ...{ view, of: viewOf(view, synonymsOf(ports)), space: labels.map(({ label }) => label) },
      ...{ subject: name, names: [metric], primary: metric, bootstrap: { samples, seed } },
    },
    ports.pause,
  );
  const measured = arms[name]?.[metric];
  if (measured === undefined) throw new Error(`${name} was not measured`);
  return measured;
}

function reasonOf(
  best: ScoredSetting,
  scored: readonly ScoredSetting[],
  { metric, view, n }: Pick<Selection, "metric" | "view" | "n">,
): string {
  const others = scored.filter((one) => one !== best);
  const next = others.reduce<ScoredSetting | undefined>(
    (second, one) => (second === undefined || isBetter(metric, one.value, second.value) ? one : second),
    undefined,
  );
  const score = `${metric} (${view}) ${best.value.toFixed(3)} on ${n} validation rows`;
  if (next === undefined) return `the only setting: ${score}`;
  const seeds = best.runs.length > 1 ? `, mean of ${best.runs.length} seeds` : "";
  if (next.value === best.value)
    return `${score}${seeds}; as good as ${next.setting}, and stands before it in the sweep`;
  return `best of ${scored.length} settings: ${score}${seeds}; next is ${next.setting} with ${next.value.toFixed(3)}`;
}

/** The file that a selection has written. */
export function readSelection(dir: string): Selection {
  return JSON.parse(readFileSync(join(dir, "selection.json"), "utf8")) as Selection;
}

/** The selection of a sweep; `stepOf` names the steps of a run in the plan. */
export function draftSelect(
  { sweep, points }: LoadedExperiment,
  { metric, view }: Select,
  stepOf: (run: number, step: string) => string,
  site: Site,
): Draft {
  const repeated = sweep?.repeated ?? [];
  const settings = settingsOf(points).map(([setting, runs]) => ({
    setting,
    values: Object.fromEntries(
      Object.entries((points[runs[0] as number] as Point).values).filter(([key]) => !repeated.includes(key)),
    ) as { [key: string]: Json },
    runs: runs.map((at) => ({ coordinates: (points[at] as Point).coordinates, at })),
  }));
  const reads = settings.flatMap(({ runs }) =>
    runs.flatMap(({ at }, place) => {
      const scored = stepOf(at, `evaluate.${subjectOf((points[at] as Point).experiment)}`);
      const metrics = [`metrics.${at}`, { step: scored, file: "metrics.json" }] as const;
      if (runs.length === 1) return [metrics];
      const predictions = [`predictions.${at}`, { step: scored, file: "predictions.jsonl" }] as const;
      const labels = [`labels.${at}`, { step: stepOf(at, "data"), file: "labels.json" }] as const;
      return [metrics, predictions, ...(place === 0 ? [labels] : [])];
    }),
  );
  const { data, evaluate } = (points[0] as Point).experiment;
  const { samples, seed } = evaluate.bootstrap;
  const { synonyms } = data.labels;
  return draft({
    id: "select",
    kind: select.name,
    params: { metric, view, repeated, settings, bootstrap: { samples, seed }, exp: site.version },
    sources: synonyms === undefined ? {} : { "data.labels.synonyms": synonyms },
    reads: Object.fromEntries(reads),
  });
}

/** Settings in the order of the sweep, with the numbers of their runs. */
export function settingsOf(
  points: readonly Pick<Point, "setting">[],
): readonly (readonly [string, readonly number[]])[] {
  const settings = new Map<string, number[]>();
  for (const [at, { setting }] of points.entries()) {
    const runs = settings.get(setting);
    if (runs === undefined) settings.set(setting, [at]);
    else runs.push(at);
  }
  return [...settings];
}
