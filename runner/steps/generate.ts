import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Experiment } from "../experiment/schema.ts";
import { type Draft, type Json, StepFailed, type StepKind } from "../plan/step.ts";
import type { Arm } from "./arms.ts";
import { draftAsk } from "./ask.ts";
import type { DataRow } from "./data.ts";
import { deviceOf, gpusOf } from "./device.ts";
import { draft } from "./draft.ts";
import { expectGeneration, setAside } from "./expected.ts";
import { jsonLines, readJsonLines } from "./jsonl.ts";
import { templateOf } from "./prompt.ts";
import { readReplay } from "./replayed.ts";
import type { Site } from "./site.ts";
import { weightsOf } from "./weights.ts";

/** Engines that run a model here: the recipe and the environment of each. */
const programs = {
  transformers: { module: "recipes.common.generate", environment: "torchtune" },
  vllm: { module: "recipes.vllm.generate", environment: "vllm" },
} as const;

type Params = { readonly engine: keyof typeof programs };

/** Has the model answer every case: base weights alone, or what was trained. */
export const generate: StepKind<Params> = {
  name: "generate",
  version: 2,
  cached: true,
  outputs: () => ["responses.jsonl"],
  run: async ({ engine }, ports) => ports.python(programs[engine]),
};

/** Takes the answers from a file that another program wrote. */
export const replay: StepKind = {
  name: "replay",
  version: 1,
  cached: true,
  outputs: () => ["responses.jsonl"],
  async run(_params, ports) {
    const path = ports.source("generate.file");
    const answers = readReplay(path);
    const rows = readJsonLines<DataRow>(ports.input("rows"));
    const missing = rows.filter(({ id }) => !answers.has(id));
    if (missing.length > 0) {
      throw new StepFailed(
        "replay-incomplete",
        `${path} has no answer for ${missing.length} of ${rows.length} cases, first ${missing[0]?.id}`,
        { help: "add a line for each case; an empty text is an answer" },
      );
    }
    const responses = rows.map(({ id }) => ({ id, ...answers.get(id) }));
    writeFileSync(join(ports.output, "responses.jsonl"), jsonLines(responses));
  },
};

/** The answers of one arm that a language model gives. */
export function draftGenerate(experiment: Experiment, arm: Arm, site: Site): Draft {
  const { generate: how, evaluate, prompt, model } = experiment;
  const id = `generate.${arm}`;
  if (how.engine === "replay") {
    const rows = { step: "data", file: `${evaluate.on}.jsonl` };
    return draft({ id, kind: replay.name, params: {}, sources: { "generate.file": how.file }, reads: { rows } });
  }
  if (how.engine === "openai") return draftAsk(experiment, arm, site);
  const { precision, seed, vote, ...more } = how;
  const { batch_size, ...rest } = { batch_size: undefined, ...more };
  const { module, environment } = programs[how.engine];
  const native = site.precision[deviceOf(experiment, site)];
  const expects = expectGeneration(experiment, templateOf(experiment, arm), site);
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
    reads: {
      model: { step: "fetch", file: "model.json" },
      prompts: { step: `prompt.${arm}`, file: "eval.jsonl" },
      ...(rest.constrain === "none" ? {} : { answers: { step: "data", file: "answers.json" } }),
      ...weightsOf(experiment, arm),
    },
    places: { model: site.model(model.base, model.revision).dir },
    after: ["preflight"],
    needs: { cores: site.cores, gpus: gpusOf(experiment, site), memory: setAside(expects) },
    expects,
  });
}
