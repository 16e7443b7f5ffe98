import type { Study } from "../report/study.ts";
import { ablation } from "./ablation.ts";
import { confusions } from "./confusions.ts";
import { contrasts } from "./contrasts.ts";
import { costQuality } from "./cost-quality.ts";
import type { Figure } from "./figure.ts";
import { frequency } from "./frequency.ts";
import { gains } from "./gains.ts";
import { intervals } from "./intervals.ts";
import { loss } from "./loss.ts";
import { reliability } from "./reliability.ts";

const figures: Readonly<Record<string, Figure>> = {
  ablation,
  loss,
  intervals,
  frequency,
  confusions,
  reliability,
  "cost-quality": costQuality,
  contrasts,
  gains,
};

/** The figures that the runs have data for, as Vega-Lite specifications by id. */
export function figuresOf(study: Study): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(figures).flatMap(([id, make]) => {
      const spec = make(study);
      return spec === undefined ? [] : [[id, spec]];
    }),
  );
}
