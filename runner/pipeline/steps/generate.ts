import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../../config/schema.ts";
import type { Json } from "../../util/canonical.ts";
import { UserError } from "../../util/user-error.ts";
import type { Draft, StepKind } from "../plan/step.ts";
import { stepOfArm } from "../plan/step-ref.ts";
import type { Arm } from "./arms.ts";
import type { DataRow } from "./data.ts";
import { deviceOf } from "./device.ts";
import { draft } from "./draft.ts";
import { expectGeneration } from "./expected.ts";
import { draftAsk } from "./generate-openai.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { needsOf } from "./needs.ts";
import { generateStep, type Part } from "./part.ts";
import { templateOf } from "./prompt.ts";
import { readReplay } from "./replayed.ts";
import type { Site } from "./site.ts";
import { weightsOf } from "./weights.ts";

/** Engines that run a model here: the recipe and the environment of each. */
const programs = {
  transformers: { module: "recipes.transformers.generate", environment: "torchtune" },
  vllm: { module: "recipes.vllm.generate", environment: "vllm" },
} as const;

type Params = { readonly engine: keyof typeof programs };

/** Has the model answer every case: base weights alone, or what was trained. */
export const generate: StepKind<Params> = {
  name: "generate",
  version: 2,
  cached: true,
  outputs: () => ["responses.jsonl"],
  run: async ({ engine }, context) => context.python(programs[engine]),
};

/** Takes the answers from a file that another program wrote. */
export const replay: StepKind<{ readonly made_by?: string }> = {
  name: "replay",
  version: 2,
  cached: true,
  outputs: () => ["responses.jsonl"],
  async run({ made_by = null }, context) {
    const path = context.source("generate.file");
    const answers = readReplay(path);
    const rows = readJsonLines<DataRow>(context.input("rows"));
    const missing = rows.filter(({ id }) => !answers.has(id));
    if (missing.length > 0) {
      throw new UserError(
        "replay-incomplete",
        `${path} has no answer for ${missing.length} of ${rows.length} cases, first ${missing[0]?.id}`,
        { help: "add a line for each case; an empty text is an answer" },
      );
    }
    const others = new Set(
      context.hasInput("others") ? readJsonLines<DataRow>(context.input("others")).map(({ id }) => id) : [],
    );
    const both = rows.find(({ id }) => others.has(id));
    if (both !== undefined) {
      throw new UserError("replay-ambiguous", `${path}: a test row and a validation row are both called ${both.id}`, {
        help: "give the rows ids of their own, by data.columns.id: an answer must belong to one of them",
      });
    }
    const responses = rows.map(({ id }) => ({ id, ...answers.get(id) }));
    writeFileSync(join(context.output, "responses.jsonl"), jsonLines(responses));
    context.evidence({ replayed: context.hint("file") ?? null, made_by });
  },
};

/** The answers of one arm that a language model gives to the scored rows, or to those of validation. */
export function draftGenerate(experiment: Experiment, arm: Arm, site: Site, part: Part = "eval"): Draft {
  const { generate: how, evaluate, prompt, model } = experiment;
  const id = generateStep(arm, part);
  if (how.engine === "replay") {
    const on = `${evaluate.split}.jsonl`;
    const inputs: Draft["inputs"] =
      part === "eval"
        ? { rows: { step: "data", file: on } }
        : { rows: { step: "data", file: "validation.jsonl" }, others: { step: "data", file: on } };
    const file = arm === "zero_shot" && how.zero_shot !== undefined ? how.zero_shot : how.file;
    return draft({
      id,
      kind: replay.name,
      params: { made_by: how.made_by },
      hints: { file: site.portable(file) },
      sources: { "generate.file": file },
      inputs,
    });
  }
  if (how.engine === "openai") return draftAsk(experiment, arm, site, part);
  const { precision, seed, vote, ...more } = how;
  const { batch_size, ...rest } = { batch_size: undefined, ...more };
  const { module, environment } = programs[how.engine];
  const native = site.precision[deviceOf(experiment, site)];
  const scored: Experiment = part === "eval" ? experiment : { ...experiment, evaluate: { ...evaluate, split: part } };
  const weights = weightsOf(experiment, arm);
  const expects = expectGeneration(scored, templateOf(experiment, arm), site);
  return draft({
    id,
    kind: generate.name,
    params: {
      ...(rest as unknown as Record<string, Json>),
      precision: precision === "32bit" ? "fp32" : precision === "16bit" ? native : precision,
      ...(precision === "4bit" ? { compute: native } : {}),
      ...(rest.temperature > 0 ? { seed } : {}),
      ...(vote === undefined ? {} : { samples: vote.samples }),
      thinking: prompt.thinking,
    },
    hints: batch_size === undefined ? {} : { batch_size },
    sources: { ...site.recipe(module), [`lock of ${environment}`]: site.lock(environment) },
    inputs: {
      model: { step: "fetch", file: "model.json" },
      prompts: { step: stepOfArm("prompt", arm), file: `${part}.jsonl` },
      ...(rest.constrain === "none" ? {} : { answers: { step: "data", file: "answers.json" } }),
      ...weights,
    },
    localPaths: { model: site.model(model.base, model.revision).dir },
    after: ["preflight"],
    needs: needsOf(experiment, site, expects),
    // A base is loaded once for its own answers and those of all adapters on it.
    ...(how.engine === "transformers" && !("weights" in weights)
      ? { reuseKey: JSON.stringify([module, model.base, model.revision ?? null, precision, native]) }
      : {}),
    expects,
  });
}
