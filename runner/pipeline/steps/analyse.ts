import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { View } from "../../data/labels/views.ts";
import { analyse as analyseArms } from "../../evaluation/error-analysis/analyse.ts";
import {
  fewest,
  type SubgroupValues,
  type SubsetScoring,
  scoreSubgroups,
  scoreSubset,
} from "../../evaluation/error-analysis/subgroups.ts";
import type { Draws } from "../../evaluation/statistics/bootstrap.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import type { Answer } from "../../plugins/tasks/category.ts";
import { tasks } from "../../plugins/tasks/registry.ts";
import type { Estimate } from "../../util/bounds.ts";
import { UserError } from "../../util/user-error.ts";
import { armOfStep, formatArm, parseArm } from "../plan/step-ref.ts";
import { readResult, writeResult } from "../result-files.ts";
import { readPredictions } from "./answer.ts";
import { type Arm, strongestBaseline } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { analysisFiles, openMetrics, openTask, type TaskParams, taskParams, withOwnMetrics } from "./task.ts";

type Params = TaskParams & {
  readonly arms: readonly Arm[];
  readonly view: View;
  readonly metric: string;
  readonly baseline: Arm | null;
  readonly zero_shot: Arm | null;
  readonly seed: number;
  readonly examples: number;
  /** Absent without subgroups. */
  readonly subgroups?: {
    readonly columns: readonly string[];
    readonly metric: string;
  };
  /** For the intervals of subgroups and, without labels, of strata. Absent if there are neither. */
  readonly bootstrap?: Draws;
  readonly exp: string;
};

/** Analyses the errors of every arm, and compares each arm with the untrained model and the classical baseline. */
export const analyse: StepKind<Params> = {
  name: "analyse",
  version: 12,
  cached: true,
  outputs: () => ["analysis.json", "failures.jsonl"],
  async run({ arms, view, metric, baseline, zero_shot, seed, examples, subgroups, bootstrap, ...params }, context) {
    const task = tasks.get(params.task);
    const open = await openTask(params, context);
    const metrics = openMetrics(params, context);
    const inputs = new Map(readJsonLines<DataRow>(context.input("rows")).map(({ id, input }) => [id, input]));
    const read = arms.map((name) => ({
      name,
      answers: readPredictions(context.input(`predictions.${name}`), task.predictionKey),
      labels: readResult("labels.json", context.input(`labels.${name}`)),
    }));
    for (const { name, answers } of read) {
      if (answers.length === inputs.size && answers.every(({ id }) => inputs.has(id))) continue;
      throw new UserError("cases-differ", `${name} was not scored on the cases of this experiment`, {
        help: "compare experiments with the same test file and the same data.columns",
      });
    }
    const order = [...inputs.keys()];
    /** The primary metric of some answers, without an interval if they are few. */
    const primaryOf = async (answers: readonly Answer[], draws: Draws): Promise<Estimate> => {
      const scoring: SubsetScoring = {
        ...{ metric: metrics.get(metric), bootstrap: draws },
        scorer: (cases) => open.scorer(cases)(view),
      };
      const { score: value, low, high } = await scoreSubset(answers, scoring, context.pause);
      return answers.length < fewest ? { value } : { value, low, high };
    };
    const { analysis, failures } = await analyseArms({
      arms: read.map((arm) => ({ ...arm, answers: inOrder(arm.answers, order) })),
      inputs,
      training: readJsonLines<DataRow>(context.input("train")),
      view,
      parts: (value, gold) => open.parts(value, view, gold),
      hasLabels: task.labels !== undefined,
      groups: open.groups,
      lexicon: open.lexicon,
      namesOf: open.namesOf,
      untrainedOf: (name) => {
        const { arm, experiment } = parseArm(name);
        return arm === "tuned" ? formatArm({ arm: "zero_shot", experiment }) : undefined;
      },
      categories: task.categories,
      causes: open.causes,
      properties: open.strata,
      ...(bootstrap === undefined ? {} : { primary: (answers) => primaryOf(answers, bootstrap) }),
      baseline: baseline ?? undefined,
      zeroShot: zero_shot ?? undefined,
      seed,
      examples,
    });
    const space = [...new Set(read.flatMap(({ labels }) => labels.map(({ label }) => label)))];
    const bySubgroup =
      subgroups === undefined || bootstrap === undefined
        ? {}
        : {
            subgroups: await scoreSubgroups(
              read,
              {
                values: readJsonLines<SubgroupValues>(context.input("subgroups")),
                columns: subgroups.columns,
                metric: metrics.get(subgroups.metric),
                scorer: (cases) => open.scorer(cases)(view, space),
                bootstrap,
              },
              context.pause,
            ),
          };
    writeResult(context.output, "analysis.json", { ...analysis, ...bySubgroup });
    writeFileSync(join(context.output, "failures.jsonl"), jsonLines(failures));
    context.evidence({ arms: arms.length, cases: order.length });
  },
};

function inOrder<T extends { readonly id: string }>(answers: readonly T[], ids: readonly string[]): readonly T[] {
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  return ids.map((id) => byId.get(id) as T);
}

/** The error analysis of all arms of a run; `scores` are the drafts that score them. */
export function draftAnalyse(experiment: Experiment, scores: readonly Draft[], site: Site): Draft {
  const arms = scores.map(({ id }) => armOfStep(id));
  const { subgroups: columns, primary, bootstrap } = experiment.evaluate;
  const { resamples, seed } = bootstrap;
  const subgroups = { columns: [...columns], metric: primary.metric };
  const hasIntervals = columns.length > 0 || tasks.get(experiment.task).labels === undefined;
  const analysed = draft({
    id: "analyse",
    kind: analyse.name,
    params: {
      arms,
      ...taskParams(experiment),
      view: primary.view,
      metric: primary.metric,
      baseline: strongestBaseline(arms) ?? null,
      zero_shot: arms.includes("zero_shot") ? "zero_shot" : null,
      seed: experiment.evaluate.bootstrap.seed,
      examples: 5,
      ...(columns.length === 0 ? {} : { subgroups }),
      ...(hasIntervals ? { bootstrap: { resamples, seed } } : {}),
      exp: site.version,
    },
    sources: analysisFiles(experiment),
    inputs: {
      rows: { step: "data", file: `${experiment.evaluate.split}.jsonl` },
      ...(columns.length === 0 ? {} : { subgroups: { step: "data", file: "subgroups.jsonl" } }),
      train: { step: "data", file: "train.jsonl" },
      ...Object.fromEntries(
        scores.flatMap(({ id, inputs }) => [
          [`predictions.${armOfStep(id)}`, { step: id, file: "predictions.jsonl" }],
          ...(inputs.labels === undefined ? [] : [[`labels.${armOfStep(id)}`, inputs.labels] as const]),
        ]),
      ),
    },
  });
  return withOwnMetrics(analysed, experiment, site);
}
