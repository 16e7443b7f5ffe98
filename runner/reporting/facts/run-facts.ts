import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseStepRef, stepOfArm } from "../../pipeline/plan/step-ref.ts";
import { type ResultFiles, readResult } from "../../pipeline/result-files.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import { isInstructed, templateOf } from "../../pipeline/steps/prompt.ts";
import type { Response } from "../../pipeline/steps/response.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import type { Manifest } from "../../runs/manifest.ts";
import { Ablations } from "../../runs/run-ablations.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { fileGone } from "../../runs/run-outputs.ts";
import { modelUploadsOf } from "../../runs/upload-record.ts";
import { runNames } from "../report/run-names.ts";
import type { ArmFacts, RunFacts } from "../report/study.ts";

/**
 * Reads the facts of a run from its manifest and the files that the manifest names. `testEvaluations` counts the
 * recorded evaluations of its test file. The runs of one report share `ablations`, which caches sweeps.
 */
export function factsOf(finished: FinishedRun, testEvaluations: number | null, ablations = new Ablations()): RunFacts {
  const { manifest, path } = finished;
  const folder = dirname(path);
  const { experiment, run, coordinates, smoke, created, file, set, config, steps, cost, provenance } = manifest;
  const optional = {
    ablation: ablations.of(finished),
    comparison: resultOf("comparison.json", folder),
    audit: resultOf("audit.json", join(folder, "data")),
    analysis: resultOf("analysis.json", folder),
    model: resultOf("model.json", folder),
  };
  const arms = Object.keys(manifest.arms).map((arm) => armFacts(arm, manifest, folder));
  return {
    ...{ experiment, run, coordinates, smoke, created, file, set, config, steps, arms, cost, provenance },
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<RunFacts>),
    name: runNames([{ experiment, run, coordinates, config }])[0] as string,
    compared: manifest.compared ?? {},
    uploads: modelUploadsOf(finished).map(({ repo, commit, private: isPrivate }) => ({
      ...{ repo, commit, private: isPrivate },
    })),
    curves: curvesOf(Object.keys(steps), folder),
    prompts: promptsOf(folder, config, arms),
    trainLabels: resultOf("labels.json", join(folder, "data")) ?? [],
    testEvaluations,
  };
}

/** A result file in a folder of a run; undefined if it does not exist. */
function resultOf<Name extends keyof ResultFiles>(name: Name, folder: string): ResultFiles[Name] | undefined {
  return existsSync(join(folder, name)) ? readResult(name, folder) : undefined;
}

/** The scores of one arm. Throws UserError `file-gone`. */
function armFacts(name: string, { config, steps }: Manifest, folder: string): ArmFacts {
  const metrics = resultOf("metrics.json", join(folder, name));
  if (metrics === undefined) throw fileGone(`${join(folder, name, "metrics.json")} does not exist`);
  const { view } = config.evaluate.primary;
  const { views, per_label, parse_failures, truncated, out_of_set, cardinality, classes, per_field, judge, embedding } =
    metrics;
  return {
    name,
    views: views as ArmFacts["views"],
    labels: per_label?.[view] ?? [],
    ...(per_field === undefined
      ? {}
      : {
          fields: {
            rows: per_field[view],
            confusions: metrics.field_confusions ?? [],
            errors: metrics.schema_errors ?? [],
          },
        }),
    ...(classes ? { confusion: classes[view].confusion } : {}),
    parseFailures: parse_failures.count,
    truncated,
    ...(judge === undefined ? {} : { judge }),
    ...(embedding === undefined ? {} : { embedding }),
    ...(out_of_set === undefined || cardinality === undefined
      ? {}
      : {
          labelFacts: {
            outOfSetRate: out_of_set[view].rate,
            goldCardinality: cardinality.gold.mean,
            predictedCardinality: cardinality.predicted.mean,
          },
        }),
    object: steps[stepOfArm("evaluate", name)]?.object ?? "",
  };
}

/** The loss curve of each training, by step: "train", or "train@<experiment>" of a compared experiment. */
function curvesOf(steps: readonly string[], folder: string): RunFacts["curves"] {
  const trainings = steps.filter((id) => parseStepRef(id).stage === "train");
  return Object.fromEntries(
    trainings.flatMap((id) => {
      const curve = resultOf("train.json", join(folder, outputFolder(id)));
      return curve === undefined ? [] : [[id, curve]];
    }),
  );
}

/** The template and the first rendered prompt of each arm that uses a language model. */
function promptsOf(folder: string, config: Experiment, arms: readonly ArmFacts[]): RunFacts["prompts"] {
  const prompts: Record<string, RunFacts["prompts"][string]> = {};
  for (const { name } of arms) {
    const file = join(folder, name, "eval.jsonl");
    if (!existsSync(file)) continue;
    const [first] = readJsonLines<{ messages: RunFacts["prompts"][string]["messages"] }>(file);
    prompts[name] = {
      template: templateOf(config, name),
      isInstructed: isInstructed(config, name),
      messages: first?.messages ?? [],
      ...promptTokens(join(folder, name, "responses.jsonl")),
    };
  }
  return prompts;
}

/** The length of an arm's prompts in tokens, if its engine counts them. */
function promptTokens(file: string): Pick<RunFacts["prompts"][string], "tokens"> {
  const counts = existsSync(file)
    ? readJsonLines<Response>(file).flatMap(({ prompt_tokens: tokens }) => tokens ?? [])
    : [];
  if (counts.length === 0) return {};
  const sum = counts.reduce((total, count) => total + count, 0);
  return { tokens: { mean: sum / counts.length, max: counts.reduce((most, count) => Math.max(most, count), 0) } };
}
