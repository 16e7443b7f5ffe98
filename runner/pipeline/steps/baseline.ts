import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { baselines } from "../../evaluation/baselines/index.ts";
import { classicalBaselines } from "../../plugins/classical-baselines.ts";
import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import { inPython } from "../../plugins/step-work.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { groupsInput, groupsSource } from "./label-groups.ts";
import { oneCore } from "./needs.ts";
import { generateStep, type Part } from "./part.ts";
import { taskOf } from "./task.ts";

type Params = {
  readonly baseline: string;
  /** Present if each case has exactly one label: the baseline then answers every case. */
  readonly single?: true;
  /** The key by which an answer names its prediction. Absent: "labels". */
  readonly key?: string;
};

const programOf = (baseline: string) => ({
  module: `recipes.baselines.${baseline}`,
  environment: defaultEnvironment(),
});

/** A classical model, trained on the same rows as the language model. */
export const baseline: StepKind<Params> = {
  name: "baseline",
  version: 2,
  cached: true,
  outputs: () => ["responses.jsonl", "margins.jsonl"],
  run: async (params, context) => context.python(programOf(params.baseline), groupsInput(context)),
};

/** A baseline that copies targets of training rows or parts of inputs, without Python. */
export const lookup: StepKind<Params> = {
  name: "lookup",
  version: 1,
  cached: true,
  outputs: () => ["responses.jsonl"],
  async run({ baseline, single, key = "labels" }, context) {
    const train = readJsonLines<DataRow>(context.input("train"));
    const cases = readJsonLines<DataRow>(context.input("test"));
    const answer = baselines[baseline];
    if (answer === undefined) throw new Error(`no baseline ${baseline}`);
    const predictions = answer(
      train,
      cases.map(({ input }) => input),
      single,
    );
    writeFileSync(
      join(context.output, "responses.jsonl"),
      jsonLines(cases.map(({ id }, at) => ({ id, [key]: predictions[at] }))),
    );
  },
};

/** The answers of a classical baseline to the scored rows, or to those of validation. */
export function draftBaseline(experiment: Experiment, arm: Arm, site: Site, part: Part = "eval"): Draft {
  const id = generateStep(arm, part);
  const inputs = {
    train: { step: "data", file: "train.jsonl" },
    test: { step: "data", file: `${part === "eval" ? experiment.evaluate.split : part}.jsonl` },
  };
  const single = taskOf(experiment).labels?.isSingle ? { single: true as const } : {};
  const { predictionKey } = taskOf(experiment);
  const key = predictionKey === "labels" ? {} : { key: predictionKey };
  if (arm in baselines) {
    return draft({ id, kind: lookup.name, params: { baseline: arm, ...single, ...key, exp: site.version }, inputs });
  }
  const common = draft({
    id,
    kind: baseline.name,
    params: { baseline: arm, ...single, ...key, seed: 1, folds: 3 },
    sources: classicalBaselines[arm]?.readsGroups ? groupsSource(experiment) : {},
    inputs,
    needs: oneCore,
  });
  return inPython(common, programOf(arm), site);
}
