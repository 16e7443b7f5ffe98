import type { Planned } from "../../evaluation/statistics/compare.ts";
import type { Contrast } from "../../evaluation/statistics/family.ts";
import type { Gain, GainPair } from "../../evaluation/statistics/interaction.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { armOfStep, formatStepRef } from "../plan/step-ref.ts";
import { type Arm, subjectIn } from "./arms.ts";

/** One experiment of a run, and its model arms by their names in the run. */
type Compared = {
  readonly base: string;
  /** Answered examples in each prompt of the untrained model. */
  readonly examples: number;
  readonly zero_shot: Arm | undefined;
  readonly tuned: Arm | undefined;
};

/**
 * What a run with compared experiments tests in addition to its subject against each other arm: the tuned against the
 * zero-shot arm of each experiment, and the same arm of each two base models. Gains of each two base models are
 * compared. `names` has the steps of each compared experiment in the run, `arms` the arms of the run.
 */
export function plannedOf(
  experiment: Experiment,
  compared: readonly Experiment[],
  names: ReadonlyMap<string, ReadonlyMap<string, string>>,
  arms: readonly Arm[],
): Planned {
  const own: Compared = {
    ...factsOf(experiment),
    zero_shot: present("zero_shot", arms),
    tuned: present("tuned", arms),
  };
  const others = compared.map((other): Compared => {
    const armOf = (arm: Arm): Arm | undefined => {
      const step = names.get(other.name)?.get(formatStepRef({ stage: "evaluate", arm }));
      return step === undefined ? undefined : present(armOfStep(step), arms);
    };
    return { ...factsOf(other), zero_shot: armOf("zero_shot"), tuned: armOf("tuned") };
  });
  const all = [own, ...others];
  const couples = all.flatMap((a, at) => all.slice(at + 1).map((b) => [a, b] as const));
  const models = couples.filter(([a, b]) => a.base !== b.base);
  const contrasts = [
    ...all.flatMap(({ tuned, zero_shot }) => contrast(tuned, zero_shot, "training")),
    ...models.flatMap(([a, b]) => [
      ...contrast(a.tuned, b.tuned, "model"),
      ...(a.examples === b.examples ? contrast(a.zero_shot, b.zero_shot, "model") : []),
    ]),
  ];
  const interactions = models.flatMap(([a, b]): readonly GainPair[] => {
    const [ofA, ofB] = [gainOf(a), gainOf(b)];
    return ofA === undefined || ofB === undefined ? [] : [{ a: ofA, b: ofB }];
  });
  const subject = subjectIn(arms);
  return {
    contrasts: unique(contrasts.filter(({ a, b }) => a !== subject && b !== subject)),
    interactions: unique(interactions),
  };
}

const factsOf = ({ model, prompt }: Experiment) => ({ base: model.base, examples: prompt.examples.count });

const present = (arm: Arm, arms: readonly Arm[]): Arm | undefined => (arms.includes(arm) ? arm : undefined);

const contrast = (a: Arm | undefined, b: Arm | undefined, of: Contrast["of"]): readonly Contrast[] =>
  a === undefined || b === undefined || a === b ? [] : [{ a, b, of }];

function gainOf({ zero_shot: from, tuned: to }: Compared): Gain | undefined {
  return from === undefined || to === undefined ? undefined : { from, to };
}

/** Experiments that share an arm have a contrast in common. */
const unique = <T>(all: readonly T[]): readonly T[] => [
  ...new Map(all.map((one) => [JSON.stringify(one), one])).values(),
];
