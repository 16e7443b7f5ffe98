import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Comparison } from "../../evaluation/statistics/comparison.ts";
import { parseStepRef, stepOfArm } from "../../pipeline/plan/step-ref.ts";
import type { ArmMetrics } from "../../pipeline/result-files.ts";
import { readJsonLines } from "../../pipeline/steps/jsonl.ts";
import type { Message } from "../../pipeline/template.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { FinishedRun } from "../../runs/finished-runs.ts";
import { Ablations } from "../../runs/run-ablations.ts";
import { outputFolder } from "../../runs/run-folder.ts";
import { fileGone } from "../../runs/run-outputs.ts";
import { modelUploadsOf } from "../../runs/upload-record.ts";
import { runNames } from "../report/run-names.ts";
import type { ArmFacts, Curve, RunFacts } from "../report/study.ts";

/**
 * Reads the facts of a run from its manifest and the files that the manifest names. `testEvaluations` counts the recorded
 * evaluations of its test file. The runs of one report share `ablations`, which caches sweeps.
 */
export function factsOf(finished: FinishedRun, testEvaluations: number | null, ablations = new Ablations()): RunFacts {
  const { manifest, path } = finished;
  const folder = dirname(path);
  const config = manifest.config;
  const { view } = config.evaluate.primary;
  const json = <T>(name: string): T | undefined => {
    const file = join(folder, name);
    if (!existsSync(file)) return undefined;
    return JSON.parse(readFileSync(file, "utf8")) as T;
  };
  const needed = <T>(name: string): T => {
    const value = json<T>(name);
    if (value === undefined) throw fileGone(`${join(folder, name)} does not exist`);
    return value;
  };
  const arms = Object.keys(manifest.arms).map((name): ArmFacts => {
    const metrics = needed<ArmMetrics>(`${name}/metrics.json`);
    return {
      name,
      views: metrics.views as ArmFacts["views"],
      labels: metrics.per_label?.[view] ?? [],
      parseFailures: metrics.parse_failures.count,
      truncated: metrics.truncated,
      ...(metrics.out_of_set === undefined || metrics.cardinality === undefined
        ? {}
        : {
            labelFacts: {
              outOfSetRate: metrics.out_of_set[view].rate,
              goldCardinality: metrics.cardinality.gold.mean,
              predictedCardinality: metrics.cardinality.predicted.mean,
            },
          }),
      object: manifest.steps[stepOfArm("evaluate", name)]?.object ?? "",
    };
  });
  const optional = {
    ablation: ablations.of(finished),
    comparison: json<Comparison>("comparison.json"),
    audit: json<NonNullable<RunFacts["audit"]>>("data/audit.json"),
    analysis: json<NonNullable<RunFacts["analysis"]>>("analysis.json"),
    model: json<NonNullable<RunFacts["model"]>>("model.json"),
    preflight: json<NonNullable<RunFacts["preflight"]>>("preflight.json"),
  };
  const { experiment, run, coordinates, smoke, created, file, set, steps, cost, provenance } = manifest;
  return {
    ...{
      experiment,
      run,
      coordinates,
      smoke,
      created,
      file,
      set,
      config,
      steps,
      arms,
      cost,
      provenance,
      testEvaluations,
    },
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<RunFacts>),
    name: runNames([{ experiment, run, coordinates, config }])[0] as string,
    compared: (manifest.compared ?? {}) as unknown as RunFacts["compared"],
    uploads: modelUploadsOf(finished).map(({ repo, commit, private: closed }) => ({ repo, commit, private: closed })),
    curves: curvesOf(Object.keys(steps), json),
    prompts: promptsOf(folder, config, arms),
    trainLabels: json<RunFacts["trainLabels"]>("data/labels.json") ?? [],
  };
}

/** The loss curve of each training, by step: "train", or "train@<experiment>" of a compared experiment. */
function curvesOf(steps: readonly string[], json: <T>(name: string) => T | undefined): Readonly<Record<string, Curve>> {
  const trained = steps.filter((id) => parseStepRef(id).stage === "train");
  return Object.fromEntries(
    trained.flatMap((id) => {
      const curve = json<Curve>(join(outputFolder(id), "train.json"));
      return curve === undefined ? [] : [[id, curve]];
    }),
  );
}

/** The template and the first rendered prompt of each arm that uses a language model. */
function promptsOf(folder: string, config: Experiment, arms: readonly ArmFacts[]): RunFacts["prompts"] {
  const prompts: Record<string, { template: string; messages: readonly Message[] }> = {};
  for (const { name } of arms) {
    const file = join(folder, name, "eval.jsonl");
    if (!existsSync(file)) continue;
    const [first] = readJsonLines<{ messages: readonly Message[] }>(file);
    const isOwn = name === "tuned" || config.train === undefined;
    prompts[name] = {
      template: isOwn ? config.prompt.template : config.prompt.zero_shot,
      messages: first?.messages ?? [],
    };
  }
  return prompts;
}
