import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { engines } from "../../plugins/engines/registry.ts";
import type { Experiment, Judge } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import { readRegularFile } from "../../util/regular-file.ts";
import { UserError } from "../../util/user-error.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Reading, readAnswer } from "./answer.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import type { Response } from "./response.ts";
import { responsesOf } from "./scores.ts";
import { openTask, parsingParams, scoringFiles, type TaskParams, taskOf } from "./task.ts";

/** The answers that people rated, as an arm in the names of the steps that judge them. */
const ratedArm = "ratings";

/** The variables of a rubric in addition to `input`. */
export const rubricVariables = ["reference", "answer"] as const;

type PromptParams = TaskParams & { readonly exp: string };

/** An answer that a person rated, as a line of `evaluate.judge.ratings`. */
type Rating = { readonly input: string; readonly reference: string; readonly answer: string; readonly score: number };

/** Writes what the judge is asked about each answer of an arm, or about each answer that a person rated. */
export const judgePrompt: StepKind<PromptParams> = {
  name: "judge_prompt",
  version: 1,
  cached: true,
  outputs: () => ["eval.jsonl"],
  async run(params, context) {
    const { compileTemplate } = await import("../template.ts");
    const rubric = readRegularFile(context.source("rubric"), "template").toString("utf8");
    const render = compileTemplate(rubric, { names: rubricVariables });
    const ask = (id: string, { input, reference, answer }: Omit<Rating, "score">) => ({
      id,
      messages: render({ input, fields: { reference, answer }, labels: [], examples: [] }),
    });
    const lines: object[] = [];
    if (context.hasSource("ratings")) {
      for (const [at, rating] of readRatings(context.source("ratings")).entries()) lines.push(ask(String(at), rating));
    } else {
      const open = await openTask(params, context);
      const reading: Reading = {
        ...{ open, predictionKey: taskOf(params).predictionKey, minShare: null, labels: new Set() },
      };
      const rows = new Map(readJsonLines<DataRow>(context.input("rows")).map((row) => [row.id, row]));
      for (const answer of readJsonLines<Response>(context.input("responses"))) {
        const row = rows.get(answer.id);
        const { prediction } = readAnswer(answer, reading);
        const given = prediction === null ? "" : String(prediction);
        if (row !== undefined)
          lines.push(ask(answer.id, { input: row.input, reference: String(row.gold), answer: given }));
        if (lines.length % 16 === 0) await context.pause();
      }
    }
    writeFileSync(join(context.output, "eval.jsonl"), jsonLines(lines));
  },
};

/** Asks the judge. Its engine is that of `evaluate.judge.generate`. */
export const judge: StepKind<{ readonly engine: string }> = {
  name: "judge",
  version: 1,
  cached: true,
  outputs: () => ["responses.jsonl"],
  run: (params, context) => engines.get(params.engine).generateStep.run(params, context),
};

/** Reads rated answers. Throws UserError `bad-ratings` with the line. */
export function readRatings(path: string): readonly Rating[] {
  const lines = readRegularFile(path, "data file").toString("utf8").split(/\r?\n/);
  const ratings = lines.flatMap((line, at): readonly Rating[] => {
    if (line.trim() === "") return [];
    let value: Partial<Rating> | null;
    try {
      value = JSON.parse(line);
    } catch {
      value = null;
    }
    const { input, reference, answer, score } = value ?? {};
    if (![input, reference, answer].every((text) => typeof text === "string") || !Number.isInteger(score))
      throw badRating(at + 1, 'it is not {"input": text, "reference": text, "answer": text, "score": whole number}');
    return [value as Rating];
  });
  if (ratings.length === 0) throw badRating(1, "there is no rating");
  return ratings;
}

const badRating = (line: number, what: string): UserError =>
  new UserError("bad-ratings", `evaluate.judge.ratings, line ${line}: ${what}`, {
    ...{ help: "write one rated answer a line", status: "invalid" },
  });

/** The experiment whose model is the judge. */
export function judging(experiment: Experiment, { generate }: Judge): Experiment {
  const { train: _untrained, ...others } = experiment;
  return { ...others, generate, prompt: { ...experiment.prompt, thinking: false } };
}

/** The steps that judge the answers of arms, and those that people rated. */
export function draftJudges(experiment: Experiment, arms: readonly Arm[], site: Site): readonly Draft[] {
  const own = experiment.evaluate.judge;
  if (own === undefined) return [];
  const asked = (arm: Arm, more: Pick<Draft, "inputs" | "sources">): readonly Draft[] => {
    const prompts = draft({
      id: stepOfArm(judgePrompt.name, arm),
      kind: judgePrompt.name,
      params: { ...parsingParams(experiment), exp: site.version },
      sources: { ...scoringFiles(experiment), rubric: own.rubric, ...more.sources },
      inputs: more.inputs,
    });
    const common = draft({
      id: stepOfArm(judge.name, arm),
      kind: judge.name,
      params: { engine: own.generate.engine },
      inputs: { prompts: { step: prompts.id, file: "eval.jsonl" } },
    });
    const variant = judging(experiment, own);
    return [prompts, engines.get(own.generate.engine).generateStep.draft(common, { experiment: variant, arm, site })];
  };
  return [
    ...arms.flatMap((arm) =>
      asked(arm, {
        sources: {},
        inputs: {
          rows: { step: "data", file: `${experiment.evaluate.split}.jsonl` },
          responses: responsesOf(experiment, arm),
        },
      }),
    ),
    ...(own.ratings === undefined ? [] : asked(ratedArm, { sources: { ratings: own.ratings }, inputs: {} })),
  ];
}

/** What scoring an arm reads of its judge. */
export function judgementInputs({ evaluate: { judge: own } }: Experiment, arm: Arm): Pick<Draft, "inputs" | "sources"> {
  if (own === undefined) return { inputs: {}, sources: {} };
  const of = (name: Arm) => ({ step: stepOfArm(judge.name, name), file: "responses.jsonl" });
  return own.ratings === undefined
    ? { inputs: { judgements: of(arm) }, sources: {} }
    : { inputs: { judgements: of(arm), judged_ratings: of(ratedArm) }, sources: { ratings: own.ratings } };
}
