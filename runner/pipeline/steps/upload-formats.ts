import type { View } from "../../data/labels/views.ts";
import { type CaseAnswer, compareAnswers } from "../../evaluation/statistics/comparison.ts";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import { type ModelExport, readDeclaredFormat } from "../../plugins/formats/registry.ts";
import { measuredMetrics } from "../../plugins/metrics/own-metric.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepContext, StepKind } from "../../plugins/step.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import { UserError } from "../../util/user-error.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { readResult, writeResult } from "../result-files.ts";
import { type Reading, readAnswer } from "./answer.ts";
import { subjectOf } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { headline, minShare, namedMetrics } from "./evaluate.ts";
import { draftExport, draftExportedAnswers } from "./export-model.ts";
import { draftGenerate } from "./generate.ts";
import { readJsonLines } from "./jsonl.ts";
import type { Response } from "./response.ts";
import { openMetrics, openTask, scoringFiles, type TaskParams, taskParams, withOwnMetrics } from "./task.ts";

type Params = TaskParams & {
  /** Names of the run's own model and of the exported one in the comparison. */
  readonly own: string;
  readonly exported: string;
  readonly metrics: readonly string[];
  readonly primary: { readonly metric: string; readonly view: View };
  readonly bootstrap: { readonly resamples: number; readonly seed: number };
  readonly min_share: number | null;
  readonly exp: string;
};

/** Scores an exported model against the run's own model on validation rows, with paired intervals. */
export const exportScores: StepKind<Params> = {
  name: "export_scores",
  version: 1,
  cached: true,
  outputs: () => ["comparison.json"],
  async run(params, context) {
    const { own, exported, primary, bootstrap } = params;
    const task = tasks.get(params.task);
    const open = await openTask(params, context);
    const vocabulary = readResult("labels.json", context.input("labels")).map(({ label }) => label);
    const reading: Reading = {
      ...{ open, predictionKey: task.predictionKey, minShare: params.min_share },
      labels: new Set(vocabulary),
    };
    const rows = readJsonLines<DataRow>(context.input("rows"));
    const comparison = await compareAnswers(
      [
        { name: own, seeds: [casesOf(rows, "own", reading, context)] },
        { name: exported, seeds: [casesOf(rows, "exported", reading, context)] },
      ],
      {
        view: primary.view,
        scorer: (cases) => open.scorer(cases)(primary.view, vocabulary),
        subject: exported,
        metrics: namedMetrics(openMetrics(params, context), params.metrics),
        primary: primary.metric,
        bootstrap,
        planned: undefined,
      },
      context.pause,
    );
    writeResult(context.output, "comparison.json", comparison);
    context.evidence({ cases: comparison.n });
  },
};

function casesOf(
  rows: readonly DataRow[],
  input: "own" | "exported",
  reading: Reading,
  context: StepContext,
): readonly CaseAnswer[] {
  const answers = new Map(readJsonLines<Response>(context.input(input)).map((answer) => [answer.id, answer]));
  return rows.map(({ id, gold, group }) => {
    const answer = answers.get(id);
    if (answer === undefined)
      throw new UserError("no-answer", `case ${id} has no answer`, { help: "run again with --force" });
    const { prediction, parsed } = readAnswer(answer, reading);
    return { id, gold, group, prediction, parsed };
  });
}

/** The formats that an upload declares, if the experiment trains a model on this machine. */
export function uploadFormats({ upload, train, generate }: Experiment): readonly ModelExport[] {
  if (train === undefined || engines.find(generate.engine)?.runsModel !== true) return [];
  return (upload?.formats ?? []).map(readDeclaredFormat);
}

/** The name of an exported model in its steps, in the run's folder and in the repository: "gguf-q8_0". */
export const exportName = ({ format, type }: ModelExport): string => `${format}-${type}`;

/**
 * The steps that export the trained model in each declared format and, with validation rows, score it on them. Steps in
 * `built` exist.
 */
export function draftUploadFormats(experiment: Experiment, site: Site, built: readonly Draft[]): readonly Draft[] {
  const { data, evaluate } = experiment;
  const own = subjectOf(experiment);
  const wanted = uploadFormats(experiment);
  if (wanted.length === 0) return [];
  const part = evaluate.split === "validation" ? "eval" : "validation";
  const asked = draftGenerate(experiment, own, site, part);
  const scores = data.validation !== undefined;
  const exports = wanted.flatMap((one): readonly Draft[] => {
    const name = exportName(one);
    const exported = draftExport(experiment, one, site, {
      id: stepOfArm("export", name),
      prompts: { step: stepOfArm("prompt", own), file: `${scores ? part : "eval"}.jsonl` },
    });
    if (!scores) return [exported];
    const id = stepOfArm("exported_answers", name);
    const answers = draftExportedAnswers(experiment, one, site, { id, asked, exported });
    return [exported, answers, draftExportScores(experiment, site, { own: asked.id, exported: answers.id, name })];
  });
  const isNew = scores && !built.some(({ id }) => id === asked.id);
  return [...(isNew ? [asked] : []), ...exports];
}

/** The score of an exported model; `own` and `exported` are the steps with the answers of both models. */
function draftExportScores(
  experiment: Experiment,
  site: Site,
  { own, exported, name }: { readonly own: string; readonly exported: string; readonly name: string },
): Draft {
  const { primary, bootstrap } = experiment.evaluate;
  // Judge and embedding model answer for the arms of the run only.
  const measured = measuredMetrics(experiment.evaluate);
  const metrics = headline(experiment).filter((metric) => !measured.includes(metric));
  const scored = draft({
    id: stepOfArm("export_scores", name),
    kind: exportScores.name,
    params: {
      ...taskParams(experiment),
      ...{ own: subjectOf(experiment), exported: name, metrics },
      primary: { view: primary.view, metric: metrics.includes(primary.metric) ? primary.metric : (metrics[0] ?? "") },
      bootstrap: { resamples: bootstrap.resamples, seed: bootstrap.seed },
      min_share: minShare(experiment),
      exp: site.version,
    },
    sources: scoringFiles(experiment),
    inputs: {
      rows: { step: "data", file: "validation.jsonl" },
      labels: { step: "data", file: "labels.json" },
      own: { step: own, file: "responses.jsonl" },
      exported: { step: exported, file: "responses.jsonl" },
    },
  });
  return withOwnMetrics(scored, experiment, site);
}
