import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultEnvironment } from "../../plugins/environments.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Draft, StepKind } from "../../plugins/step.ts";
import { inPython } from "../../plugins/step-work.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import { type Reading, readAnswer } from "./answer.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { draft } from "./draft.ts";
import { draftFetch } from "./fetch.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { oneCore } from "./needs.ts";
import type { Response } from "./response.ts";
import { openTask, parsingParams, scoringFiles, type TaskParams, taskOf } from "./task.ts";

const program = () => ({ module: "recipes.steps.embed", environment: defaultEnvironment() });

/** The step that fetches the embedding model. */
const fetchStep = "fetch_embedding";

/** A line of similarities.jsonl. */
export type Similarity = {
  readonly id: string;
  /** -1 to 1. */
  readonly similarity: number;
  /** Whether a text was longer than the model's limit. */
  readonly cut: boolean;
};

/** Compares each answer of an arm with its target. */
export const embed: StepKind<TaskParams & { readonly exp: string }> = {
  name: "embed",
  version: 1,
  cached: true,
  outputs: () => ["similarities.jsonl"],
  async run(params, context) {
    const open = await openTask(params, context);
    const { predictionKey } = taskOf(params);
    const reading: Reading = { open, predictionKey, minShare: null, labels: new Set() };
    const rows = new Map(readJsonLines<DataRow>(context.input("rows")).map((row) => [row.id, row]));
    const lines = readJsonLines<Response>(context.input("responses")).flatMap((response) => {
      const row = rows.get(response.id);
      const { prediction } = readAnswer(response, reading);
      const answer = prediction === null ? "" : String(prediction);
      return row === undefined ? [] : [{ id: response.id, reference: String(row.gold), answer }];
    });
    writeFileSync(join(context.work, "texts.jsonl"), jsonLines(lines));
    await context.python(program());
  },
};

/** The steps that fetch the embedding model and compare the answers of arms. */
export function draftEmbeddings(experiment: Experiment, arms: readonly Arm[], site: Site): readonly Draft[] {
  const { embedding, split } = experiment.evaluate;
  if (embedding === undefined) return [];
  const { train: _untrained, ...others } = experiment;
  // Neither backend nor engine loads this model.
  const fetch = { ...draftFetch({ ...others, model: embedding }, site), id: fetchStep, hints: {} };
  const reuseKey = JSON.stringify([program().module, embedding.base, embedding.revision ?? null]);
  const compare = (arm: Arm): Draft => ({
    ...inPython(
      draft({
        id: stepOfArm(embed.name, arm),
        kind: embed.name,
        params: { ...parsingParams(experiment), exp: site.version },
        sources: scoringFiles(experiment),
        inputs: {
          rows: { step: "data", file: `${split}.jsonl` },
          responses: { step: stepOfArm("generate", arm), file: "responses.jsonl" },
          model: { step: fetchStep, file: "model.json" },
        },
        localPaths: { model: site.model(embedding.base, embedding.revision).dir },
        needs: oneCore,
      }),
      program(),
      site,
    ),
    reuseKey,
  });
  return [fetch, ...arms.map(compare)];
}

/** What scoring an arm reads of the embedding model. */
export function similarityInputs({ evaluate }: Experiment, arm: Arm): Draft["inputs"] {
  if (evaluate.embedding === undefined) return {};
  return { similarities: { step: stepOfArm(embed.name, arm), file: "similarities.jsonl" } };
}
