import { primaryArm } from "./display-names.ts";
import type { RunFacts } from "./study.ts";

/** A run with an error analysis of its primary arm. */
export type AnalysedRun = RunFacts & { readonly analysis: NonNullable<RunFacts["analysis"]> };

/** The error analysis of an arm. */
export type AnalysedArm = AnalysedRun["analysis"]["arms"][string];

/** Whether the primary arm of a run was analysed. */
export const isAnalysed = (run: RunFacts): run is AnalysedRun => run.analysis?.arms[primaryArm(run)] !== undefined;

/** The error analysis of the primary arm. */
export const ownAnalysis = (run: AnalysedRun): AnalysedArm => run.analysis.arms[primaryArm(run)] as AnalysedArm;
