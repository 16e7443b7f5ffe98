import type { CurvePoint } from "../../runs/live-run.ts";
import type { LearningCurves } from "../report/learning-curves.ts";
import { showChart } from "./chart-view.ts";
import { elementById, fill } from "./dom.ts";
import { type Curve, trainingChart } from "./training-chart.ts";

/** Starts the learning curves of finished trainings. */
export function startLearningCurves(): void {
  const all = JSON.parse(elementById("curves-data").textContent ?? "") as LearningCurves;
  const form = elementById<HTMLFormElement>("curve-controls");
  const [quantity, x] = ["quantity", "x"].map((name) => form.elements.namedItem(name) as HTMLSelectElement) as [
    HTMLSelectElement,
    HTMLSelectElement,
  ];
  fill(quantity, Object.entries(all.names));
  const chart = elementById("curves-chart");
  const show = (): void => {
    const byEpoch = x.value === "epoch";
    const titles = { x: byEpoch ? "epoch" : "optimiser step", y: all.names[quantity.value] ?? quantity.value };
    const made = trainingChart(curvesOf(all, quantity.value, byEpoch), titles);
    showChart(chart, made);
    chart.nextElementSibling?.replaceChildren(made.caption ?? made.label);
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
}

/** The curves of a quantity. A training whose number of steps per epoch is unknown has none by epoch. */
export function curvesOf({ curves }: LearningCurves, quantity: string, byEpoch: boolean): readonly Curve[] {
  return curves.flatMap(({ name, stepsPerEpoch, training, validation }) => {
    const unit = byEpoch ? stepsPerEpoch : 1;
    const given = [quantity === "loss" ? training : [], validation[quantity] ?? []] as const;
    if (unit === null || given.every((points) => points.length === 0)) return [];
    const scaled = (points: readonly CurvePoint[]): readonly CurvePoint[] =>
      points.map(([step, value]) => [Number((step / unit).toPrecision(6)), value]);
    return [{ name, training: scaled(given[0]), validation: scaled(given[1]) }];
  });
}
