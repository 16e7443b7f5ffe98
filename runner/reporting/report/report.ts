import { smokeWarning } from "../../config/smoke.ts";
import { figuresOf } from "../figures/index.ts";
import { ablation } from "../sections/ablation.ts";
import { abstract } from "../sections/abstract.ts";
import { data } from "../sections/data.ts";
import { efficiency } from "../sections/efficiency.ts";
import { errorAnalysis } from "../sections/error-analysis.ts";
import { limitations } from "../sections/limitations.ts";
import { method } from "../sections/method.ts";
import { metric } from "../sections/metric.ts";
import { prompts } from "../sections/prompts.ts";
import { appendix, reproduction } from "../sections/reproduction.ts";
import { results } from "../sections/results.ts";
import { authorNotes, authorTasks } from "./author-notes.ts";
import { type Block, type Report, withoutMissingReferences } from "./document.ts";
import { replayNoticeOf } from "./replayed-arms.ts";
import type { RunFacts, Study } from "./study.ts";

/** The sections in order. A section without data returns no blocks. */
const sections: readonly ((study: Study) => readonly Block[])[] = [
  data,
  prompts,
  method,
  metric,
  results,
  ablation,
  errorAnalysis,
  efficiency,
  authorNotes,
  limitations,
  reproduction,
  appendix,
  authorTasks,
];

/** The report of finished runs. Every number comes from a manifest or from a file that a manifest names. */
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
    // Sections declare their figures without checking for data.
    blocks: withoutMissingReferences(blocks.filter((block) => block.type !== "figure" || block.id in figures)),
    figures,
  };
}

function titleOf(runs: readonly RunFacts[]): string {
  const experiments = [...new Set(runs.map(({ experiment }) => experiment))];
  const description = experiments.length === 1 ? (runs.at(-1)?.config.description ?? "") : "";
  return description === "" ? experiments.join(", ") : `${experiments[0]}: ${description}`;
}

/** The notice on every page: smoke runs and replayed predictions. Empty if the study has neither. */
export function warningOf(runs: readonly RunFacts[]): string {
  const smoke = new Set(runs.filter((run) => run.smoke).map(({ experiment }) => smokeWarning(experiment)));
  return [...smoke, replayNoticeOf(runs) ?? []].flat().join(" ");
}
