import { replayNotice } from "../../config/replay-notice.ts";
import { isSmoke, smokeWarning } from "../../config/smoke.ts";
import type { View } from "../../data/labels/views.ts";
import type { RecordedAnswers } from "../../plugins/engines/engine.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { StepContext } from "../../plugins/step.ts";
import type { WorkbookRun } from "../../reporting/render/xlsx/run-and-audit-sheets.ts";
import { parseArm } from "../plan/step-ref.ts";
import { readResult } from "../result-files.ts";
import { readPredictions } from "./answer.ts";
import type { Arm } from "./arms.ts";

/** An arm with the experiment that declares it, and its name there. */
export type DeclaredArm = { readonly arm: Arm; readonly own: Arm; readonly experiment: Experiment };

/** An arm with its experiment: that of the run, or a compared one. */
export function declaredArm(arm: Arm, config: Experiment, compared: Readonly<Record<string, Experiment>>): DeclaredArm {
  const { arm: own, experiment: other } = parseArm(arm);
  const experiment = other === undefined ? config : (compared[other] as Experiment);
  return { arm, own, experiment };
}

const isModel = ({ own }: DeclaredArm): boolean => own === "tuned" || own === "zero_shot";

/** The notice above every sheet. */
export function warningOf(declared: readonly DeclaredArm[]): string {
  const names = new Set(declared.map(({ experiment }) => experiment.name).filter(isSmoke));
  return [...[...names].map(smokeWarning), replayNotice(declared.flatMap(replayed)) ?? ""].join(" ").trim();
}

function replayed(arm: DeclaredArm) {
  const recorded = recordedOf(arm);
  return recorded === undefined ? [] : [{ experiment: arm.experiment.name, made_by: recorded.made_by }];
}

/** The file with the answers of an arm, if they were recorded before the run. */
function recordedOf(arm: DeclaredArm): RecordedAnswers | undefined {
  const { experiment, own } = arm;
  return isModel(arm) ? engines.find(experiment.generate.engine)?.recorded?.(experiment, own) : undefined;
}

/** A row of the sheet Runs. */
export function runOf(
  declared: DeclaredArm,
  {
    primary,
    predictionKey,
  }: { readonly primary: { readonly metric: string; readonly view: View }; readonly predictionKey: string },
  context: StepContext,
): Omit<WorkbookRun, "arm"> {
  const { arm, experiment } = declared;
  const metrics = readResult("metrics.json", context.input(`metrics.${arm}`));
  const predictions = readPredictions(context.input(`predictions.${arm}`), predictionKey);
  const total = (key: "prompt_tokens" | "new_tokens") =>
    predictions.every((one) => one[key] === undefined)
      ? undefined
      : predictions.reduce((sum, one) => sum + (one[key] ?? 0), 0);
  const interval = metrics.intervals[primary.view][primary.metric];
  return {
    experiment: experiment.name,
    ...(isModel(declared) ? { model: experiment.model.base, revision: experiment.model.revision } : {}),
    training: trainingText(declared),
    source: sourceOf(declared),
    cases: metrics.n,
    value: metrics.views[primary.view][primary.metric] ?? undefined,
    low: interval?.low,
    high: interval?.high,
    prompt_tokens: total("prompt_tokens"),
    new_tokens: total("new_tokens"),
  };
}

function trainingText({ own, experiment: { train, generate } }: DeclaredArm): string {
  if (own !== "tuned" || train === undefined) return "none";
  const { backend, method, learning_rate, epochs, batch_size, gradient_accumulation, seed } = train;
  const rank = train.method === "full" ? "" : `, rank ${train.rank}, alpha ${train.alpha}`;
  const text = `${method} with ${backend}${rank}, learning rate ${learning_rate}, ${epochs} epochs, effective batch size ${batch_size * gradient_accumulation}, seed ${seed}`;
  return engines.find(generate.engine)?.runsModel === false ? `declared, not executed: ${text}` : text;
}

function sourceOf(arm: DeclaredArm): string {
  if (!isModel(arm)) return arm.own;
  const recorded = recordedOf(arm);
  if (recorded === undefined) return arm.experiment.generate.engine;
  return `replayed from ${recorded.file}${recorded.made_by === null ? "" : ` (origin: ${recorded.made_by})`}`;
}
