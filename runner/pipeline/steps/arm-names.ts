import { classicalBaselines } from "../../plugins/classical-baselines.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { parseArm } from "../plan/step-ref.ts";
import type { Arm } from "./arms.ts";

const methodNames: Readonly<Record<string, string>> = {
  lora: "LoRA",
  dora: "DoRA",
  qlora: "QLoRA",
  qdora: "QDoRA",
  full: "full fine-tuning",
};

/** The display name of a training method: "LoRA". */
export const methodName = (method: string): string => methodNames[method] ?? method;

/** The experiments of a run and its arms. */
export type NamedRun = {
  readonly config: Experiment;
  /** Compared experiments by name. */
  readonly compared?: Readonly<Record<string, Experiment>> | undefined;
  readonly arms: readonly Arm[];
};

/** A model arm as a table of models and kinds of arms shows it. */
export type ModelArm = {
  readonly arm: Arm;
  /** The base model without its owner: "Qwen3-8B". */
  readonly model: string;
  /** "zero-shot", "few-shot" or the training method. */
  readonly kind: string;
  readonly isTrained: boolean;
};

/** The arms of a run that a language model answers. */
export function modelArmsOf(run: NamedRun): readonly ModelArm[] {
  return run.arms.flatMap((arm) => {
    const { arm: own } = parseArm(arm);
    if (own !== "zero_shot" && own !== "tuned") return [];
    const { model, prompt, train } = experimentOf(arm, run);
    const untrained = examplesOf(prompt) > 0 ? "few-shot" : "zero-shot";
    return [
      {
        arm,
        model: model.base.split(/[\\/]/).filter(Boolean).at(-1) ?? model.base,
        kind: own === "zero_shot" ? untrained : train === undefined ? "fine-tuned" : methodName(train.method),
        isTrained: own === "tuned",
      },
    ];
  });
}

/**
 * The display names of the arms of a run, which every output shows: "Qwen3-8B, LoRA". An arm of a model is named by
 * base model and method, without the model if all arms have the same. Names that are equal get what differs: the rank,
 * the number of examples, else the experiment.
 */
export const armNames = (run: NamedRun): ReadonlyMap<Arm, string> =>
  distinguished(shortArmNames(run), (arm) => experimentOf(arm, run).name);

/** `armNames` without experiments: arms of several experiments can have equal names. */
function shortArmNames(run: NamedRun): ReadonlyMap<Arm, string> {
  const models = new Map(modelArmsOf(run).map((one) => [one.arm, one]));
  const isOneModel = new Set([...models.values()].map(({ model }) => model)).size < 2;
  const short = new Map(
    run.arms.map((arm) => {
      const found = models.get(arm);
      if (found === undefined) return [arm, baselineName(parseArm(arm).arm)];
      return [arm, isOneModel ? found.kind : `${found.model}, ${found.kind}`];
    }),
  );
  return distinguished(short, (arm) => (models.has(arm) ? detailOf(arm, run) : ""));
}

/** The display names of arms of several runs, by key. Equal names get the experiment if it differs, else the run. */
export function armNamesOfRuns(
  arms: ReadonlyMap<string, NamedRun & { readonly run: string; readonly arm: Arm }>,
): ReadonlyMap<string, string> {
  const runOf = (key: string) => arms.get(key) as NamedRun & { readonly run: string };
  const short = new Map([...arms].map(([key, { arm, ...run }]) => [key, shortArmNames(run).get(arm) ?? arm]));
  const byExperiment = distinguished(short, (key) => runOf(key).config.name);
  return distinguished(byExperiment, (key) => runOf(key).run);
}

/** The name of an arm over runs that name it differently: "fine-tuned" for LoRA in one run and QLoRA in another. */
export function commonArmName(arm: Arm, runs: readonly NamedRun[]): string {
  const names = new Set(runs.filter(({ arms }) => arms.includes(arm)).map((run) => armNames(run).get(arm) ?? arm));
  const [only] = names;
  if (names.size === 1 && only !== undefined) return only;
  const { arm: own, experiment } = parseArm(arm);
  const kind = own === "tuned" ? "fine-tuned" : own === "zero_shot" ? "zero-shot" : baselineName(own);
  return experiment === undefined ? kind : `${kind} (${experiment})`;
}

/** The display name of an arm that no language model answers. */
const baselineName = (arm: Arm): string => classicalBaselines[arm]?.displayName ?? arm;

function experimentOf(arm: Arm, { config, compared }: NamedRun): Experiment {
  const { experiment } = parseArm(arm);
  return (experiment === undefined ? undefined : compared?.[experiment]) ?? config;
}

/** What two arms of one model and one method may differ in. */
function detailOf(arm: Arm, run: NamedRun): string {
  const { prompt, train } = experimentOf(arm, run);
  if (parseArm(arm).arm === "zero_shot") return examplesOf(prompt) > 0 ? `${examplesOf(prompt)} examples` : "";
  return train === undefined || train.method === "full" ? "" : `rank ${train.rank}`;
}

/** Answered examples in each prompt. A manifest of another version may lack the section. */
const examplesOf = ({ examples }: Experiment["prompt"]): number => examples?.count ?? 0;

/** Names by key with a detail in parentheses, for each group of equal names whose details differ. */
function distinguished(
  names: ReadonlyMap<string, string>,
  detail: (key: string) => string,
): ReadonlyMap<string, string> {
  return new Map(
    [...names].map(([key, name]) => {
      const equal = [...names].filter(([, other]) => other === name).map(([other]) => detail(other));
      const own = detail(key);
      return [key, equal.length > 1 && own !== "" && new Set(equal).size > 1 ? `${name} (${own})` : name];
    }),
  );
}
