import type { Rung } from "../../config/halving.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import { armOfStep } from "../plan/step-ref.ts";
import { analyse, draftAnalyse } from "./analyse.ts";
import { type Arm, arms, ensembleClassifiers, hasEnsemble, modelArms, subjectOf } from "./arms.ts";
import { baseline, draftBaseline, lookup } from "./baseline.ts";
import { candidates, draftCandidates } from "./candidates.ts";
import { compare, draftCompare, expectReference } from "./compare.ts";
import { joined } from "./compared.ts";
import { plannedOf } from "./contrasts.ts";
import { data, draftData } from "./data.ts";
import { decide, draftDecide } from "./decide.ts";
import { draftEmbeddings, embed } from "./embed.ts";
import { draftEnsemble, ensemble } from "./ensemble.ts";
import { draftEvaluate, evaluate } from "./evaluate.ts";
import { exportedAnswers, exportModel } from "./export-model.ts";
import { draftFetch, fetch } from "./fetch.ts";
import { draftFetchData, fetchData } from "./fetch-data.ts";
import { draftGenerate, generate } from "./generate.ts";
import { draftJudges, judge, judgePrompt } from "./judge.ts";
import { draftMerge, merge, needsMerge } from "./merge.ts";
import { comparesForms, draftMergeCheck, mergeCheck } from "./merge-check.ts";
import { draftPreflight, preflight } from "./preflight.ts";
import { preview } from "./preview.ts";
import { draftPrompt, prompt } from "./prompt.ts";
import { hasThreshold } from "./scores.ts";
import { select } from "./select.ts";
import { shared } from "./shared-draft.ts";
import { draftSuspects, suspects } from "./suspects.ts";
import { draftTrain, train } from "./train.ts";
import { draftUploadFormats, exportScores } from "./upload-formats.ts";
import { draftWorkbook, workbook } from "./workbook.ts";

/** Every kind of step by name. */
export const kinds: ReadonlyMap<string, StepKind> = new Map(
  (
    [
      fetch,
      fetchData,
      data,
      candidates,
      suspects,
      prompt,
      judgePrompt,
      judge,
      embed,
      preflight,
      preview,
      train,
      merge,
      generate,
      baseline,
      lookup,
      decide,
      ensemble,
      mergeCheck,
      evaluate,
      compare,
      analyse,
      workbook,
      select,
      exportModel,
      exportedAnswers,
      exportScores,
    ] as StepKind[]
  ).map((kind) => [kind.name, kind]),
);

/**
 * All steps of an experiment and of those that it compares with, in the order of display. The workbook of a sweep's
 * winner also shows the selection: the run must have a step `select`.
 */
export function draftsOf(
  experiment: Experiment,
  site: Site,
  compared: readonly Experiment[] = [],
  isWinner = false,
): readonly Draft[] {
  const others = compared.map((other) => ({ name: other.name, drafts: draftScores(other, site) }));
  const { drafts, names } = joined(draftScores(experiment, site), others);
  const scores = drafts.filter(({ kind }) => kind === evaluate.name);
  const scored = scores.map(({ id }) => armOfStep(id));
  expectReference(experiment, scored);
  const compareDraft = (own: Experiment) => draftCompare(own, scores, site, plannedOf(own, compared, names, scored));
  return [
    ...drafts,
    ...(scores.length < 2
      ? []
      : // Contrasts with other experiments depend on the names of all steps.
        [compared.length > 0 ? compareDraft(experiment) : shared("compare", experiment, site, compareDraft, scores)]),
    shared("analyse", experiment, site, (own) => draftAnalyse(own, scores, site), scores),
    ...draftUploadFormats(experiment, site, drafts),
    ...(experiment.report.xlsx ? [draftWorkbook(experiment, scored, site, compared, isWinner)] : []),
  ];
}

/** The steps that score a candidate of a sweep, or of one of its rungs: those of the experiment's main arm. */
export function draftsOfCandidate(experiment: Experiment, site: Site, rung?: Rung): readonly Draft[] {
  return draftScores(experiment, site, [subjectOf(experiment)], rung);
}

/** The steps that score an experiment's own arms. */
function draftScores(
  experiment: Experiment,
  site: Site,
  scored: readonly Arm[] = arms(experiment),
  rung?: Rung,
): readonly Draft[] {
  const answered = modelArms(experiment).filter((arm) => scored.includes(arm));
  const { runsModel, recorded } = engines.get(experiment.generate.engine);
  const once = <D>(name: string, make: (own: Experiment) => D): D => shared(name, experiment, site, make);
  return [
    ...(runsModel ? [once("fetch", (own) => draftFetch(own, site))] : []),
    ...[once("fetch_data", (own) => draftFetchData(own, site)) ?? []].flat(),
    once("data", (own) => draftData(own, site)),
    ...(recorded === undefined ? [once("candidates", (own) => draftCandidates(own, site)) ?? []].flat() : []),
    ...(recorded === undefined ? once("suspects", (own) => draftSuspects(own, site)) : []),
    ...(recorded === undefined ? answered.map((arm) => once(`prompt.${arm}`, (own) => draftPrompt(own, arm))) : []),
    ...(runsModel ? [once("preflight", (own) => draftPreflight(own, site))] : []),
    ...(runsModel && isTrained(experiment) ? [draftTrain(experiment, site, rung)] : []),
    ...(isTrained(experiment) && needsMerge(experiment) ? [draftMerge(experiment, site)] : []),
    ...scored.map((arm) => {
      if (arm === "ensemble") return draftEnsemble(experiment, site);
      const answer = answered.includes(arm) ? draftGenerate : draftBaseline;
      return once(`generate.${arm}`, (own) => answer(own, arm, site));
    }),
    ...(answersValidation(experiment, scored)
      ? [draftGenerate(experiment, subjectOf(experiment), site, "validation")]
      : []),
    ...ensembleClassifiers(experiment).map((name) => draftBaseline(experiment, name, site, "validation")),
    ...scored.flatMap((arm) =>
      hasThreshold(experiment, arm) ? [once(`decide.${arm}`, (own) => draftDecide(own, arm, site))] : [],
    ),
    ...(comparesForms(experiment) ? draftMergeCheck(experiment, site) : []),
    ...draftJudges(experiment, scored, site),
    ...draftEmbeddings(experiment, scored, site),
    ...scored.map((arm) => once(`evaluate.${arm}`, (own) => draftEvaluate(own, arm, site))),
  ];
}

/** Whether the subject also answers validation rows, because they choose something for an arm on other rows. */
function answersValidation(experiment: Experiment, scored: readonly Arm[]): boolean {
  if (experiment.evaluate.split === "validation") return false;
  return hasEnsemble(experiment) || scored.some((arm) => hasThreshold(experiment, arm));
}

function isTrained(experiment: Experiment): experiment is Experiment & { readonly train: object } {
  return experiment.train !== undefined;
}
