/**
 * A fake implementation of each extension point, registered through its registry alone, passes through every command that
 * depends on it. Commands run in this process, because the registries belong to it.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect } from "vitest";
import { main } from "../main.ts";
import { readJsonLines } from "../pipeline/steps/jsonl.ts";
import type { Backend } from "../plugins/backends/backend.ts";
import { backends } from "../plugins/backends/registry.ts";
import { trainProperties } from "../plugins/backends/train-schema.ts";
import type { Engine } from "../plugins/engines/engine.ts";
import { generationProperties } from "../plugins/engines/generation-schema.ts";
import { engines } from "../plugins/engines/registry.ts";
import type { DoctorReport } from "../setup/doctor.ts";
import { type PlanJson, type Rig, test, told } from "./rig.ts";

/** Trains nothing: it writes the most frequent target of the training rows as its "adapter". */
const toyBackend: Backend = {
  name: "toy-trainer",
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["backend"],
    properties: {
      backend: { type: "string", const: "toy-trainer", description: "Train with the toy trainer." },
      ...trainProperties,
      report_to: { ...trainProperties.report_to, default: [] },
      depth: { type: "integer", minimum: 1, maximum: 9, default: 2, description: "Depth of the toy." },
    },
  },
  capabilities: {
    methods: { lora: { cpu: ["bf16", "fp32"], cuda: ["bf16", "fp16", "fp32"] } },
    instead: { full: "use method: lora, the only method of the toy trainer" },
    reporters: [],
    schedules: ["cosine"],
    best: ["loss"],
    earlyStopping: false,
    samples: false,
    pauses: false,
    overrides: [],
    reserved: {},
  },
  trainStep: {
    draft: (common, { site }) => ({ ...common, params: { ...(common.params as object), exp: site.version } }),
    async run(_params, context) {
      const rows = readJsonLines<{ readonly target: string }>(context.input("train"));
      const count = (target: string): number => rows.filter((row) => row.target === target).length;
      const [target = ""] = rows.map((row) => row.target).sort((a, b) => count(b) - count(a));
      mkdirSync(join(context.output, "adapter"));
      writeFileSync(join(context.output, "adapter/answer.txt"), target);
      const report = {
        ...{ steps: 2, epochs: 1, stopped: null, kept_step: 2, kept_by: "last", tokens: 40, trained_tokens: 10 },
        parameters: { total: 100, trainable: 10 },
        loss: [
          { step: 1, epoch: 0.5, loss: 2, learning_rate: 1e-4 },
          { step: 2, epoch: 1, loss: 1, learning_rate: 1e-4 },
        ],
        validation: [],
        samples: [],
      };
      writeFileSync(join(context.output, "train.json"), JSON.stringify(report));
      context.evidence({ precision: "fp32", device: "cpu", trained_tokens: 10 });
    },
  },
  estimate: { checkpointing: [], allLogits: false },
  citation: {
    key: "toy-trainer",
    bibtex: "@misc{toy-trainer, title={The toy trainer}, author={Doe, Jo}, year={2026}}",
  },
};

/** Answers with the "adapter" of the toy trainer, and with nothing for the untrained model. */
const toyEngine: Engine = {
  name: "toy-engine",
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["engine"],
    properties: {
      engine: { type: "string", const: "toy-engine", description: "Generate with the toy engine." },
      ...generationProperties,
      mood: { type: "string", enum: ["good", "bad"], default: "good", description: "Mood of the toy." },
    },
  },
  runsModel: true,
  loads: { adapters: ["lora"], fourBit: false, padsBatches: false, previews: false },
  check({ experiment, error }) {
    const { mood } = experiment.generate as { readonly mood?: string };
    if (mood === "bad") error("generate.mood", "bad-mood", "the toy engine needs a good mood", "write mood: good");
  },
  generateStep: {
    draft: (common, { site }) => ({ ...common, params: { ...(common.params as object), exp: site.version } }),
    async run(_params, context) {
      const prompts = readJsonLines<{ readonly id: string }>(context.input("prompts"));
      const text = context.hasInput("adapter")
        ? readFileSync(join(context.input("adapter"), "answer.txt"), "utf8")
        : "";
      const lines = prompts.map(({ id }) => JSON.stringify({ id, text, new_tokens: 2, finish: "stop" }));
      writeFileSync(join(context.output, "responses.jsonl"), `${lines.join("\n")}\n`);
      context.evidence({ cases: prompts.length });
    },
  },
  citation: {
    key: "toy-engine",
    bibtex: "@misc{toy-engine, title={The toy engine}, author={Doe, Jo}, year={2026}}",
  },
};

beforeAll(() => {
  backends.register(toyBackend);
  engines.register(toyEngine);
});

const file = "experiments/toy.yaml";

/** Runs a command line in this process, in the folder of a rig. */
async function exp(rig: Rig, ...args: readonly string[]) {
  let stdout = "";
  let stderr = "";
  const { CI: _ci, HF_TOKEN: _token, ...inherited } = process.env;
  const code = await main(args, {
    cwd: rig.folder,
    env: { ...inherited, ...rig.env },
    out(text) {
      stdout += text;
    },
    err(text) {
      stderr += text;
    },
  });
  return { code, signal: null, stdout, stderr };
}

async function done(rig: Rig, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await exp(rig, ...args);
  expect([code, stderr], stdout).toEqual([0, ""]);
  return stdout;
}

/** Writes a study that trains and generates with the fakes. */
function writeStudy(rig: Rig): void {
  const rows = (from: number, count: number) =>
    Array.from(
      { length: count },
      (_, at) => `${from + at},text number ${from + at} of the toy study,${at % 3 ? "red" : "blue"}\n`,
    );
  rig.write("experiments/toy/train.csv", `id,text,label\n${rows(0, 12).join("")}`);
  rig.write("experiments/toy/test.csv", `id,text,label\n${rows(100, 6).join("")}`);
  rig.write("prompts/toy.hbs", "{{#user}}{{input}}{{/user}}\n");
  rig.write(
    file,
    `name: toy
data:
  train: {file: toy/train.csv}
  test: {file: toy/test.csv}
  columns: {id: id, input: text, target: label}
model: {base: tiny-qwen3}
prompt: {template: prompts/toy.hbs, zero_shot: prompts/toy.hbs}
train: {backend: toy-trainer, depth: 3, batch_size: 2, gradient_accumulation: 1}
generate: {engine: toy-engine}
evaluate: {bootstrap: {resamples: 100}}
baselines: [most_frequent]
`,
  );
}

test("a backend and an engine: check and schema", async ({ rig }) => {
  writeStudy(rig);
  expect(await done(rig, "check", file)).toContain("toy: ok");
  const codes = async (...set: readonly string[]) => {
    const { code, stdout } = await exp(rig, "check", file, "--json", ...set.flatMap((one) => ["--set", one]));
    const lines = stdout.split("\n").filter((line) => line !== "");
    return [code, ...lines.map((line) => (JSON.parse(line) as { readonly code: string }).code)];
  };
  expect(await codes("train.depth=10")).toEqual([2, "out-of-range"]);
  expect(await codes("train.method=full")).toEqual([2, "backend-unsupported"]);
  expect(await codes("train.report_to=[wandb]")).toEqual([2, "backend-unsupported"]);
  expect(await codes("generate.mood=bad")).toEqual([2, "bad-mood"]);
  rig.write(
    "experiments/halving.yaml",
    `name: halving
extends: toy.yaml
data: {validation: {fraction: 0.2}}
sweep: {strategy: halving, trials: 2, grid: {train.rank: [4, 8]}, select: {}}
`,
  );
  const halving = await exp(rig, "check", "experiments/halving.yaml", "--json");
  expect(JSON.parse(halving.stdout)).toMatchObject({
    code: "sweep-strategy",
    help: expect.stringContaining("axolotl"),
  });
  const schema = await done(rig, "schema");
  expect(schema).toContain('"toy-trainer"');
  expect(schema).toContain("Mood of the toy.");
});

test("a backend and an engine: plan, run, show, report, doctor", async ({ rig }) => {
  rig.usePython();
  writeStudy(rig);
  const plan = JSON.parse(await done(rig, "plan", file, "--json")) as PlanJson;
  expect(plan.steps.map(({ id }) => id)).toEqual(expect.arrayContaining(["train", "generate.tuned"]));

  const run = told(await exp(rig, "run", file, "--json"));
  expect([run.code, run.stderr], run.stdout).toEqual([0, ""]);
  expect(run.steps).toMatchObject({ fetch: "built", train: "built", "generate.tuned": "built" });
  const { arms, provenance } = rig.manifest(run.manifest);
  expect(arms.tuned?.basic.exact_match).toBeGreaterThan(arms.zero_shot?.basic.exact_match as number);
  // No stored step ran in a Python environment.
  expect(provenance.packages).toEqual({});
  const again = told(await exp(rig, "run", file, "--json"));
  expect(again.steps).toMatchObject({ train: "reused", "generate.tuned": "reused" });

  expect(await done(rig, "show", "toy")).toContain("tuned");
  expect((await exp(rig, "report", "toy", "--html")).code).toBe(0);
  const reports = readdirSync(rig.path("artifacts/reports"), { recursive: true, encoding: "utf8" });
  expect(reports.some((path) => path.endsWith(".pdf"))).toBe(true);
  const page = rig.read(join("artifacts/reports", reports.find((path) => path.endsWith(".html")) as string));
  expect(page).toContain("toy-trainer");
  expect(page).toContain("The toy trainer");
  expect(page).toContain("The toy engine");

  const { methods, engines: generating } = JSON.parse(await done(rig, "doctor", "--json")) as DoctorReport;
  expect(methods.find(({ backend, method }) => backend === "toy-trainer" && method === "lora")?.here).not.toBeNull();
  expect(methods.find(({ backend, method }) => backend === "toy-trainer" && method === "full")?.here).toBeNull();
  expect(generating).toContainEqual(expect.objectContaining({ engine: "toy-engine", here: true }));
});
