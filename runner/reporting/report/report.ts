import { smokeWarning } from "../../config/smoke.ts";
import { figuresOf } from "../figures/index.ts";
import { ablation } from "../sections/ablation.ts";
import { abstract } from "../sections/abstract.ts";
import { data } from "../sections/data.ts";
import { efficiency } from "../sections/efficiency.ts";
import { failures } from "../sections/failures.ts";
import { limits } from "../sections/limits.ts";
import { method } from "../sections/method.ts";
import { metric } from "../sections/metric.ts";
import { prompts } from "../sections/prompts.ts";
import { appendix, reproduction } from "../sections/reproduction.ts";
import { results } from "../sections/results.ts";
import { notesOf } from "./author-notes.ts";
import type { Block, Report } from "./document.ts";
import { replayWarningOf } from "./replayed-arms.ts";
import type { RunFacts, Study } from "./study.ts";

/** The sections in their order; a section without material is left out by giving no blocks. */
const sections: readonly ((study: Study) => readonly Block[])[] = [
  data,
  prompts,
  method,
  metric,
  results,
  ablation,
  failures,
  efficiency,
  notesOf,
  limits,
  reproduction,
  appendix,
];

/** The report of finished runs. Every number is one of their manifests' or of the files that these name. */
export function reportOf(study: Study): Report {
  const { runs, notes } = study;
  const figures = figuresOf(study);
  const blocks = sections.flatMap((section) => section(study));
  return {
    title: notes.title ?? titleOf(runs),
    authors: notes.authors ?? "",
    date:
      runs
        .map(({ created }) => created.slice(0, 10))
        .sort()
        .at(-1) ?? "",
    abstract: abstract(study),
    warning: warningOf(runs),
    // A figure without data would be an empty frame.
    blocks: blocks.filter((block) => block.type !== "figure" || block.id in figures),
    figures,
  };
}

function titleOf(runs: readonly RunFacts[]): string {
  const experiments = [...new Set(runs.map(({ experiment }) => experiment))];
  const description = experiments.length === 1 ? (runs.at(-1)?.config.description ?? "") : "";
  return description === "" ? experiments.join(", ") : `${experiments[0]}: ${description}`;
}

/** What must stand on every page, so that no page taken out of the report can mislead; empty where nothing must. */
export function warningOf(runs: readonly RunFacts[]): string {
  const smoke = new Set(runs.filter((run) => run.smoke).map(({ experiment }) => smokeWarning(experiment)));
  return [...smoke, replayWarningOf(runs) ?? []].flat().join(" ");
}
