import { modelArms } from "../report/display-names.ts";
import type { RunFacts } from "../report/study.ts";
import { config, type Figure, schema } from "./figure.ts";

/** Dumbbells from the zero-shot to the tuned arm of each base model, by stratum of the labels. */
export const gains: Figure = ({ runs }) => {
  const run = runs.findLast(({ analysis, comparison }) => analysis !== undefined && comparison?.interactions);
  const values = run === undefined ? [] : gainsByStratum(run);
  if (values.length === 0) return undefined;
  const strata = [...new Set(values.map(({ stratum }) => stratum))];
  const y = { field: "stratum", type: "nominal", title: null, sort: strata, axis: { labelLimit: 160 } };
  const x = { type: "quantitative", title: "F1", scale: { domain: [0, 1] } };
  const color = (arm: string) => ({ datum: arm, type: "nominal", title: null, legend: { orient: "bottom" } });
  return {
    $schema: schema,
    config,
    data: { values },
    columns: 2,
    // Vega-Lite sorts panels by name unless it gets their order.
    facet: { field: "model", type: "nominal", title: null, sort: [...new Set(values.map(({ model }) => model))] },
    spec: {
      width: 175,
      height: { step: 14 },
      layer: [
        {
          mark: { type: "rule", color: "#999" },
          encoding: { y, x: { ...x, field: "from" }, x2: { field: "to" } },
        },
        {
          mark: { type: "point", filled: true, size: 40, opacity: 1 },
          encoding: { y, x: { ...x, field: "from" }, color: color("zero-shot") },
        },
        {
          mark: { type: "point", filled: true, size: 40, opacity: 1 },
          encoding: { y, x: { ...x, field: "to" }, color: color("tuned") },
        },
      ],
    },
  };
};

/** F1 of a stratum of labels before and after training. `gold` is the number of gold labels in it. */
export type StratumGain = {
  readonly model: string;
  readonly stratum: string;
  readonly from: number;
  readonly to: number;
  readonly gold: number;
};

/** The F1 of the zero-shot and the tuned arm of each base model, by stratum of labels; empty without an analysis. */
export function gainsByStratum(run: RunFacts): readonly StratumGain[] {
  const { analysis } = run;
  const models = new Map(modelArms(run).map((one) => [one.arm, one]));
  return gainsOf(run).flatMap(({ from, to }) => {
    const [before, after] = [analysis?.arms[from]?.strata, analysis?.arms[to]?.strata];
    const model = models.get(to)?.model;
    if (before === undefined || after === undefined || model === undefined) return [];
    return (["training_frequency", "group"] as const).flatMap((by) =>
      after[by].flatMap(({ name, support, f1 }) => {
        const first = before[by].find((one) => one.name === name);
        if (first === undefined || support === 0) return [];
        const stratum = by === "training_frequency" ? `${name} training rows` : name;
        return [{ model, stratum, from: first.f1, to: f1, gold: support }];
      }),
    );
  });
}

/** The gains of training that the run compares, each once. */
function gainsOf({ comparison }: RunFacts) {
  const all = (comparison?.interactions ?? []).flatMap(({ a, b }) => [a, b]);
  return [...new Map(all.map((gain) => [gain.to, gain])).values()];
}
