import type { Json } from "../util/canonical.ts";
import { type EnergyCost, energyOf } from "./energy.ts";

/** What a run took, summed over its steps, whenever they were built. */
export type Cost = {
  readonly seconds: number;
  /** Largest resident set of any step, in bytes. */
  readonly peak_memory: number;
  readonly tokens: { readonly trained: number; readonly prompted: number; readonly generated: number };
  /** Absent if no energy counter was readable. */
  readonly energy?: EnergyCost;
  readonly steps: Readonly<Record<string, { readonly seconds: number; readonly peak_memory: number | null }>>;
};

type MeasuredStep = {
  readonly kind: string;
  readonly key: string;
  readonly seconds: number;
  readonly evidence: Readonly<Record<string, Json>>;
};

/** Sums what steps took. Steps with the same key are counted once. */
export function costOf(steps: Readonly<Record<string, MeasuredStep>>): Cost {
  const number = (value: Json | undefined): number => (typeof value === "number" ? value : 0);
  const all = [...new Map(Object.values(steps).map((step) => [step.key, step])).values()];
  const total = (name: string, counted = all): number =>
    counted.reduce((sum, { evidence }) => sum + number(evidence[name]), 0);
  // Preflight also reports trained tokens, of one epoch, before anything is trained.
  const trainings = all.filter(({ kind }) => kind === "train");
  const energy = energyOf(all);
  return {
    seconds: Math.round(all.reduce((sum, { seconds }) => sum + seconds, 0) * 1000) / 1000,
    peak_memory: Math.max(0, ...all.map(({ evidence }) => number(evidence.peak_memory))),
    tokens: {
      trained: total("trained_tokens", trainings),
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
