import { distinctSweeps } from "../../runs/ablation.ts";
import type { Study } from "../report/study.ts";
import { ablation } from "./ablation.ts";
import { confusions } from "./confusions.ts";
import { contrasts } from "./contrasts.ts";
import { costQuality } from "./cost-quality.ts";
import { coverageRisk } from "./coverage-risk.ts";
import type { Figure } from "./figure.ts";
import { frequency } from "./frequency.ts";
import { gains } from "./gains.ts";
import { intervals } from "./intervals.ts";
import { learningCurve } from "./learning-curve.ts";
import { loss } from "./loss.ts";
import { reliability } from "./reliability.ts";

const figures: Readonly<Record<string, Figure>> = {
  loss,
  intervals,
  frequency,
  confusions,
  reliability,
  "coverage-risk-curve": coverageRisk,
  "cost-quality": costQuality,
  contrasts,
  gains,
};

/** The id of the figure of a sweep, by the run that represents it. */
export const sweepFigure = (run: string): string => `sweep-${run}`;

/** The figures that the runs have data for, as Vega-Lite specifications by id. */
export function figuresOf(study: Study): Readonly<Record<string, object>> {
  const specs = [
    ...Object.entries(figures).map(([id, make]) => [id, make(study)] as const),
    ...distinctSweeps(study.runs).flatMap(({ ablation: own, run }) =>
      own === undefined ? [] : [[sweepFigure(run), learningCurve(own) ?? ablation(own)] as const],
    ),
  ];
  return Object.fromEntries(specs.flatMap(([id, spec]) => (spec === undefined ? [] : [[id, spec]])));
}
