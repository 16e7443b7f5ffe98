import type { CurvePoint } from "../../runs/live-run.ts";
import { smoothedLoss } from "../figures/loss.ts";
import { metricName } from "../report/display-names.ts";
import type { LearningCurve, LearningCurves } from "../report/learning-curves.ts";
import type { RunFacts } from "../report/study.ts";
import { trainingsOf } from "../report/trainings.ts";

/** The learning curves of all trainings of some runs; undefined if they have none. */
export function learningCurvesOf(runs: readonly RunFacts[]): LearningCurves | undefined {
  const curves = trainingsOf(runs).flatMap(({ name, curve }): readonly LearningCurve[] => {
    if (curve === undefined) return [];
    const { steps = 0, epochs = 0 } = curve;
    return [
      {
        name,
        stepsPerEpoch: steps > 0 && epochs > 0 ? steps / epochs : null,
        training: smoothedLoss(curve).map(({ step, loss }) => [step, rounded(loss)]),
        validation: byQuantity(curve.validation),
      },
    ];
  });
  if (curves.length === 0) return undefined;
  const metrics = new Set(curves.flatMap(({ validation }) => Object.keys(validation)));
  metrics.delete("loss");
  const names = { loss: "loss (nats per token)" };
  return { curves, names: { ...names, ...Object.fromEntries([...metrics].map((name) => [name, metricName(name)])) } };
}

type Entry = { readonly step: number; readonly epoch?: number } & Readonly<Record<string, unknown>>;

/** The numbers of validations by name, except their place in the training. */
function byQuantity(validation: readonly Entry[]): LearningCurve["validation"] {
  const found = new Map<string, CurvePoint[]>();
  for (const { step, epoch: _epoch, ...values } of validation) {
    for (const [name, value] of Object.entries(values)) {
      if (typeof value !== "number" || !Number.isFinite(value)) continue;
      found.set(name, [...(found.get(name) ?? []), [step, rounded(value)]]);
    }
  }
  return Object.fromEntries(found);
}

/** Five digits: more than a chart shows. */
const rounded = (value: number): number => Number(value.toPrecision(5));
