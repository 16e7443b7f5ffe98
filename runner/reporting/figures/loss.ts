import type { TrainingReport } from "../../pipeline/result-files.ts";
import { trainingsOf } from "../report/trainings.ts";
import { colourScale, config, type Figure, schema, width } from "./figure.ts";

/** Loss by step, one line per training, compared experiments included. Lines are running means over batches. */
export const loss: Figure = ({ runs }) => {
  const values = trainingsOf(runs).flatMap(({ name, curve }) => {
    if (curve === undefined) return [];
    const training = smoothedLoss(curve).map((point) => ({ run: name, split: "training", ...point }));
    return [...training, ...curve.validation.map(({ step, loss }) => ({ run: name, split: "validation", step, loss }))];
  });
  if (values.length === 0) return undefined;
  const names = new Set(values.map(({ run }) => run)).size;
  const colour = {
    field: "run",
    type: "nominal",
    title: null,
    sort: null,
    scale: colourScale(names),
    ...(names === 1 ? { legend: null } : {}),
  };
  const x = { field: "step", type: "quantitative", title: "optimiser step" };
  const y = { field: "loss", type: "quantitative", title: "loss (nats per token)", scale: { zero: false } };
  return {
    $schema: schema,
    width,
    height: 180,
    config,
    data: { values },
    layer: [
      {
        transform: [{ filter: "datum.split == 'training'" }],
        mark: { type: "line", strokeWidth: 1.5 },
        encoding: { x, y, color: colour },
      },
      {
        transform: [{ filter: "datum.split == 'validation'" }],
        mark: { type: "point", filled: true, size: 50 },
        encoding: { x, y, color: colour },
      },
    ],
  };
};

/** Running means of the training loss over batches, thinned to at most 200 points. */
export function smoothedLoss({ loss }: TrainingReport): TrainingReport["loss"] {
  const each = Math.max(1, Math.ceil(loss.length / 200));
  const means = smooth(loss.map((one) => one.loss));
  return loss.flatMap(({ step }, index) => (index % each === 0 ? [{ step, loss: means[index] as number }] : []));
}

function smooth(values: readonly number[]): readonly number[] {
  const window = Math.max(1, Math.round(values.length / 40));
  return values.map((_, index) => {
    const part = values.slice(Math.max(0, index - window + 1), index + 1);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
