/**
 * A fake implementation of each extension point, registered through its registry alone, passes through every command that
 * depends on it. Commands run in this process, because the registries belong to it.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect } from "vitest";
import type { Analysis } from "../evaluation/error-analysis/analyse.ts";
import type { Comparison } from "../evaluation/statistics/comparison.ts";
import { main } from "../main.ts";
import { readJsonLines } from "../pipeline/steps/jsonl.ts";
import type { Backend } from "../plugins/backends/backend.ts";
import { backends } from "../plugins/backends/registry.ts";
import { trainProperties } from "../plugins/backends/train-schema.ts";
import type { Engine } from "../plugins/engines/engine.ts";
import { generationProperties } from "../plugins/engines/generation-schema.ts";
import { engines } from "../plugins/engines/registry.ts";
import type { Executor, JobSystem } from "../plugins/executors/executor.ts";
import { executors } from "../plugins/executors/registry.ts";
import type { Metric } from "../plugins/metrics/metric.ts";
import { namedCounters } from "../plugins/metrics/named-counters.ts";
import { Registry } from "../plugins/registry.ts";
import { tasks } from "../plugins/tasks/registry.ts";
import type { Task } from "../plugins/tasks/task.ts";
import type { RunComparison } from "../runs/compare.ts";
import type { RunDiff } from "../runs/diff.ts";
import type { DoctorReport } from "../setup/doctor.ts";
import { type PlanJson, parseEvents } from "./command.ts";
import { type Rig, test } from "./rig.ts";

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
  estimate: { checkpointing: {}, allLogits: false, conversion: [0, 0] },
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
  loads: { adapters: ["lora"], fourBit: false },
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

/** What a toy task predicts is compared as one value, in the raw view alone. */
function toyTask<T>(
  given: Pick<Task<T, T | null>, "name" | "description" | "words"> & {
    readonly metrics: readonly Metric[];
    readonly primary: string;
    read(text: string): T | null;
    write(target: T): string;
  },
): Task<T, T | null> {
  const { metrics, primary, read, write, ...rest } = given;
  const registry = new Registry<Metric>("metric");
  for (const metric of metrics) registry.register(metric);
  return {
    ...rest,
    schema: { data: { unit: { type: "string", default: "none", description: "Unit of the toy's answers." } } },
    views: ["raw"],
    metrics: registry,
    baselines: [],
    defaults: { metrics: registry.names(), primary: { metric: primary, view: "raw" }, baselines: [] },
    predictionKey: "prediction",
    categories: [
      {
        name: "far_off",
        definition: "The answer and the target have different lengths",
        applies: ({ gold, given }) => gold.join().length !== given.join().length,
      },
    ],
    parsingSettings: ({ data }) => ({ unit: data.unit as string }),
    trainingSettings: () => null,
    files: () => ({ scoring: {}, analysis: {} }),
    open: async () => ({
      readCell(cell) {
        const text = typeof cell === "string" ? cell : cell.join(" ");
        return { text, target: read(text) as T };
      },
      prepareTraining: (rows) => ({ rows, write, labels: [], answers: null }),
      parseAnswer(text) {
        const prediction = read(text);
        return { prediction, parsed: prediction !== null, notes: [] };
      },
      scorer: (cases) => () => ({
        n: cases.length,
        space: undefined,
        target: (row) => cases[row]?.target,
        prediction: (row) => cases[row]?.prediction,
        isCorrect: (row) => cases[row]?.target === cases[row]?.prediction,
      }),
      parts: (value) => (value === null ? [] : [String(value)]),
    }),
  };
}

/** Predicts a number; its metric has real-valued counters, and less of it is better. */
const toyNumber = toyTask<number>({
  name: "toy-number",
  description: "A number.",
  words: { task: "Each case is a text and a number.", output: "a number from a text" },
  primary: "toy_error",
  metrics: [
    {
      name: "toy_error",
      definition: "Mean absolute error; an answer without a number counts as 0",
      higherIsBetter: false,
      counters: namedCounters((target: number, prediction: number | null) => ({
        cases: 1,
        error: Math.abs(target - (prediction ?? 0)),
      })),
      value: ({ cases, error = 0 }: { readonly cases: number; readonly error?: number }) =>
        cases === 0 ? 0 : error / cases,
    },
  ],
  read(text) {
    const found = /-?\d+(?:\.\d+)?/.exec(text)?.[0];
    return found === undefined ? null : Number(found);
  },
  write: String,
});

/** Predicts a text; its metric compares words. */
const toyText = toyTask<string>({
  name: "toy-text",
  description: "A text.",
  words: { task: "Each case is a text and its summary.", output: "a summary of a text" },
  primary: "toy_overlap",
  metrics: [
    {
      name: "toy_overlap",
      definition: "Share of the target's words that the answer has, over all cases",
      higherIsBetter: true,
      counters: namedCounters((target: string, prediction: string | null) => {
        const output = new Set(prediction?.split(" "));
        const words = target.split(" ");
        return { words: words.length, found: words.filter((word) => output.has(word)).length };
      }),
      value: ({ words, found = 0 }: { readonly words: number; readonly found?: number }) =>
        words === 0 ? 0 : found / words,
    },
  ],
  read: (text) => (text.trim() === "" ? null : text.trim()),
  write: (target) => target,
});

/** A metric for the built-in label tasks: targets and predictions are columns of the label space. */
const toyMetric: Metric<Int32Array, Int32Array> = {
  name: "toy_count_error",
  definition: "Mean difference between the numbers of gold and predicted labels",
  higherIsBetter: false,
  counters: namedCounters((target: Int32Array, prediction: Int32Array) => ({
    cases: 1,
    off: Math.abs(target.length - prediction.length),
  })),
  value: ({ cases, off = 0 }: { readonly cases: number; readonly off?: number }) => (cases === 0 ? 0 : off / cases),
};

beforeAll(() => {
  backends.register(toyBackend);
  engines.register(toyEngine);
  executors.register(toyExecutor);
  tasks.register(toyNumber);
  tasks.register(toyText);
  tasks.get("label_set").metrics.register(toyMetric);
});

/** Jobs of the toy cluster by id. A job waits until `release` runs its command in this process. */
const toyJobs = new Map<
  string,
  { readonly argv: readonly string[]; readonly log: string; readonly submission: string }
>();
const cancelled = new Set<string>();
let submitted = 0;

const toyCluster: JobSystem = {
  async submit({ tasks: jobs, command, after, submission, logs }, accepted) {
    const ids = jobs.map(({ name, resources }) => {
      expect(resources.settings).toMatchObject({ queue: "fast", nodes: 1 });
      const id = `toy-${submitted++}`;
      expect(after.jobs.every((job) => job.startsWith("toy-"))).toBe(true);
      // Without the interpreter and the script.
      toyJobs.set(id, { argv: [...command.slice(2), name], log: join(logs, `${id}.txt`), submission });
      accepted({ [name]: id });
      return id;
    });
    return ids;
  },
  queue: async () =>
    new Map(
      [...toyJobs].map(([id, { submission }]) => [
        id,
        { state: "queued", node: "", elapsed: "", reason: "busy", explanation: "waits for a toy", submission },
      ]),
    ),
  ended: async (jobs) =>
    new Map(jobs.flatMap((job) => (cancelled.has(job) ? [[job, { cancelled: true, detail: "toy: cancelled" }]] : []))),
  async cancel(jobs) {
    for (const job of jobs) {
      toyJobs.delete(job);
      cancelled.add(job);
    }
  },
  logFile: (folder, job) => join(folder, `${job}.txt`),
  current: (env) => ({ id: env.TOY_JOB ?? "", node: "toy-node", restarts: 0 }),
  requeue: async () => false,
};

/** Runs the waiting jobs of the toy cluster in their order. */
async function releaseJobs(rig: Rig): Promise<void> {
  for (const [id, { argv, log }] of [...toyJobs]) {
    rig.env = { ...rig.env, TOY_JOB: id };
    const { stdout, stderr } = await exp(rig, ...argv);
    writeFileSync(log, stdout + stderr);
    toyJobs.delete(id);
  }
}

const toyExecutor: Executor = {
  name: "toy-cluster",
  description: "as jobs of a toy",
  schema: {
    type: "object",
    additionalProperties: false,
    properties: {
      queue: { type: "string", enum: ["fast", "slow"], default: "fast", description: "Queue of the toy." },
      nodes: { type: "integer", minimum: 1, default: 1, description: "Nodes that train together." },
    },
    description: "Options of the toy cluster.",
  },
  jobSystem: async () => toyCluster,
};

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
  expect(await codes("train.keep={average: 2}")).toEqual([2, "backend-unsupported"]);
  expect(await codes("train.neftune_alpha=5")).toEqual([2, "backend-unsupported"]);
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

  const run = parseEvents(await exp(rig, "run", file, "--json"));
  expect([run.code, run.stderr], run.stdout).toEqual([0, ""]);
  expect(run.steps).toMatchObject({ fetch: "built", train: "built", "generate.tuned": "built" });
  const { arms, provenance } = rig.manifest(run.manifest);
  expect(arms.tuned?.basic.exact_match).toBeGreaterThan(arms.zero_shot?.basic.exact_match as number);
  // No stored step ran in a Python environment.
  expect(provenance.packages).toEqual({});
  const again = parseEvents(await exp(rig, "run", file, "--json"));
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

test("an executor: check, schema, plan, run, status, logs, cancel, gc", async ({ rig }) => {
  const sweep = writeReplayed(rig, "jobs", {
    target: (row) => (row % 3 ? "red" : "blue"),
    answer: (row) => (row % 2 ? "red" : "blue"),
    more: `baselines: []
report: {pdf: false, html: false, xlsx: false}
sweep: {grid: {data.targets.order: [as_is, alphabetical]}}
resources: {gpus: 0, executor: toy-cluster, toy-cluster: {queue: fast}}
`,
  });
  expect(await done(rig, "check", sweep)).toContain("jobs: ok");
  const wrong = await exp(rig, "check", sweep, "--json", "--set", "resources.toy-cluster.queue=medium");
  expect([wrong.code, JSON.parse(wrong.stdout).code]).toEqual([2, "not-one-of"]);
  expect(await done(rig, "schema")).toContain("Queue of the toy.");
  expect(await done(rig, "run", "--help")).toContain("toy-cluster");
  const plan = JSON.parse(await done(rig, "plan", sweep, "--json")) as PlanJson;
  expect(plan.runs).toBe(2);

  const submit = async () => JSON.parse((await done(rig, "run", sweep, "--json")).trim().split("\n").at(-1) as string);
  expect(await submit()).toMatchObject({ type: "submitted", missing: 2, live: 0, done: 0, last: expect.any(String) });
  const jobs = async () => JSON.parse(await done(rig, "status", "--json")) as { state: string; detail: string }[];
  expect((await jobs()).map(({ state, detail }) => [state, detail])).toEqual(Array(3).fill(["queued", "busy"]));
  expect(await done(rig, "status")).toContain("waits for a toy");
  expect(await submit()).toMatchObject({ submission: null, missing: 0, live: 2 });

  expect(await done(rig, "cancel", "jobs")).toContain("cancelled 3 jobs");
  expect((await jobs()).map(({ state }) => state)).toEqual(Array(3).fill("cancelled"));
  expect(JSON.parse(await done(rig, "gc", "--json"))).toMatchObject({ copies: [{}] });

  expect(await submit()).toMatchObject({ missing: 2, live: 0 });
  expect(JSON.parse(await done(rig, "gc", "--json"))).toMatchObject({ copies: [] });
  await releaseJobs(rig);
  expect((await jobs()).map(({ state }) => state)).toEqual(Array(3).fill("done"));
  expect(await done(rig, "logs", "last")).toContain("evaluate.zero_shot");
  const again = parseEvents(await exp(rig, "run", sweep, "--json"));
  expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
  expect((await exp(rig, "run", sweep, "--force", "data")).code).toBe(2);
});

/** Writes a study whose answers are replayed; `target` and `answer` are functions of the row. */
function writeReplayed(
  rig: Rig,
  name: string,
  { target, answer, more = "" }: { target(row: number): string; answer(row: number): string; readonly more?: string },
): string {
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => `${from + at},case number ${from + at},${target(from + at)}\n`);
  rig.write(`experiments/${name}/train.csv`, `id,text,target\n${rows(0, 12).join("")}`);
  rig.write(`experiments/${name}/test.csv`, `id,text,target\n${rows(100, 20).join("")}`);
  const answers = Array.from({ length: 20 }, (_, at) =>
    JSON.stringify({ id: String(100 + at), text: answer(100 + at) }),
  );
  rig.write(`experiments/${name}/answers.jsonl`, `${answers.join("\n")}\n`);
  rig.write("prompts/toy.hbs", "{{#user}}{{input}}{{/user}}\n");
  const path = `experiments/${name}.yaml`;
  rig.write(
    path,
    `name: ${name}
data:
  train: {file: ${name}/train.csv}
  test: {file: ${name}/test.csv}
  columns: {id: id, input: text, target: target}
model: {base: tiny-qwen3}
prompt: {template: prompts/toy.hbs}
generate: {engine: replay, file: ${name}/answers.jsonl}
evaluate: {bootstrap: {resamples: 200}}
${more}`,
  );
  return path;
}

const numberStudy = (rig: Rig, name = "number", off = 1) =>
  writeReplayed(rig, name, {
    target: (row) => String(row / 2),
    // Every fourth answer is wrong by 1, and every tenth has no number.
    answer: (row) => (row % 10 === 9 ? "no idea" : `about ${row / 2 + (row % 4 === 0 ? off : 0)} units`),
    more: "task: toy-number\n",
  });

test("a task with numbers: check rejects what the task lacks", async ({ rig }) => {
  const path = numberStudy(rig);
  expect(await done(rig, "check", path)).toContain("number: ok");
  const codes = async (...set: readonly string[]) => {
    const { code, stdout } = await exp(rig, "check", path, "--json", ...set.flatMap((one) => ["--set", one]));
    const lines = stdout.split("\n").filter((line) => line !== "");
    return [code, ...lines.map((line) => (JSON.parse(line) as { readonly code: string }).code)];
  };
  expect(await codes("evaluate.metrics=[toy_error, micro_f1]")).toEqual([2, "task-unsupported"]);
  expect(await codes("evaluate.primary.view=canonical")).toEqual([2, "task-unsupported"]);
  expect(await codes("baselines=[tfidf_svm]")).toEqual([2, "task-unsupported"]);
  expect(await codes("data.labels.separator=;")).toEqual([2, "task-unsupported"]);
  expect(await codes("data.unit=3")).toEqual([2, "wrong-type"]);
  expect(await codes("task=toy-numbr")).toEqual([2, "not-one-of"]);
});

test.for([
  {
    name: "number",
    metric: "toy_error",
    write: numberStudy,
    // Of rows 100 to 119, five are wrong by 1, and two have no number: 54.5 and 59.5 are missed.
    value: (5 + 54.5 + 59.5) / 20,
    correct: 13,
    unread: 2,
  },
  {
    name: "summary",
    metric: "toy_overlap",
    write: (rig: Rig) =>
      writeReplayed(rig, "summary", {
        target: (row) => `row ${row} done`,
        answer: (row) => (row % 5 === 0 ? "" : row % 2 === 0 ? `row ${row} done` : `line ${row} done`),
        more: "task: toy-text\n",
      }),
    // Of 20 rows, 4 are empty, 8 are complete, and 8 have two of three words.
    value: (8 * 3 + 8 * 2) / 60,
    correct: 8,
    unread: 4,
  },
])("a task with another target ($name): plan, run, show, report, compare, diff", async (study, { rig }) => {
  const { name, metric, value, correct, unread } = study;
  const path = study.write(rig);
  const plan = JSON.parse(await done(rig, "plan", path, "--json")) as PlanJson;
  expect(plan.steps.map(({ id }) => id)).toEqual(expect.arrayContaining(["data", "evaluate.zero_shot"]));
  const run = parseEvents(await exp(rig, "run", path, "--json"));
  expect([run.code, run.stderr], run.stdout).toEqual([0, ""]);

  const { arms, intervals } = rig.manifest(run.manifest);
  expect(arms.zero_shot?.raw[metric]).toBeCloseTo(value, 9);
  const ends = intervals.zero_shot?.raw[metric];
  expect(ends?.low).toBeLessThan(value);
  expect(ends?.high).toBeGreaterThan(value);
  const folder = join("artifacts/runs", name, "latest");
  const scores = JSON.parse(rig.read(join(folder, "zero_shot/metrics.json"))) as {
    readonly parse_failures: { readonly count: number };
  };
  expect(scores.parse_failures.count).toBe(unread);
  const analysis = JSON.parse(rig.read(join(folder, "analysis.json"))) as Analysis;
  const { wrong, categories, strata } = analysis.arms.zero_shot as Analysis["arms"][string];
  expect(wrong).toBe(20 - correct);
  expect(categories.find((one) => one.name === "parse_failure")?.cases).toBe(unread);
  expect(categories.some((one) => one.name === "far_off" && one.cases > 0)).toBe(true);
  expect(strata.labels_per_case).toEqual([]);
  const [first] = readJsonLines<{ readonly gold: unknown }>(rig.path(join(folder, "zero_shot/predictions.jsonl")));
  expect(first).toMatchObject({ gold: name === "number" ? 50 : "row 100 done", parsed: name === "number" });

  expect(await done(rig, "show", name)).toContain(metric);
  expect((await exp(rig, "report", name, "--html")).code).toBe(0);
  const reports = readdirSync(rig.path("artifacts/reports"), { recursive: true, encoding: "utf8" });
  const page = rig.read(join("artifacts/reports", reports.find((file) => file.endsWith(".html")) as string));
  expect(page).toContain(tasks.get(rig.manifest(run.manifest).config.task).words.task);
  expect(page).toContain("The answer and the target have different lengths");

  const other = `${name}-other`;
  rig.write(
    `experiments/${other}.yaml`,
    `extends: ${name}.yaml\nname: ${other}\ngenerate: {file: ${name}/perfect.jsonl}\n`,
  );
  const targets = readJsonLines<{ readonly id: string; readonly target: string }>(
    rig.path(join(folder, "data/test.jsonl")),
  );
  rig.write(
    `experiments/${name}/perfect.jsonl`,
    targets.map(({ id, target }) => `${JSON.stringify({ id, text: target })}\n`).join(""),
  );
  expect((await exp(rig, "run", `experiments/${other}.yaml`, "--json")).code).toBe(0);
  const compared = JSON.parse(await done(rig, "compare", other, name, "--json")) as RunComparison;
  expect(compared.pairs[0]?.exact_match).toMatchObject({ only_a: 20 - correct, only_b: 0 });
  expect(compared.pairs[0]?.metrics[metric]?.p_randomisation).toBeLessThan(0.05);
  const diff = JSON.parse(await done(rig, "diff", name, other, "--json")) as RunDiff;
  expect(diff.cases.zero_shot?.fixed).toHaveLength(20 - correct);
  expect(await done(rig, "data", path)).toContain("rows");
});

test("a metric of label sets: check, run, intervals and tests", async ({ rig }) => {
  const path = writeReplayed(rig, "labels", {
    target: (row) => (row % 2 ? "red; blue" : "red"),
    answer: (row) => (row % 4 === 3 ? "red" : row % 2 ? "red; blue" : "blue"),
    more: "data.labels: {separator: ;}\n",
  });
  rig.edit(path, "data.labels: {separator: ;}\n", "");
  rig.edit(path, "columns: {id: id", "labels: {separator: ;}\n  columns: {id: id");
  rig.edit(
    path,
    "resamples: 200}",
    "resamples: 200}, metrics: [toy_count_error, micro_f1], primary: {metric: toy_count_error}",
  );
  rig.edit(path, "evaluate:", "baselines: [most_frequent]\nevaluate:");
  expect(await done(rig, "check", path)).toContain("labels: ok");
  const run = parseEvents(await exp(rig, "run", path, "--json"));
  expect([run.code, run.stderr], run.stdout).toEqual([0, ""]);
  const { arms, intervals } = rig.manifest(run.manifest);
  // Five of 20 answers lack one of two labels.
  expect(arms.zero_shot?.canonical.toy_count_error).toBeCloseTo(0.25, 12);
  expect(intervals.zero_shot?.canonical.toy_count_error).toMatchObject({ resamples: 200 });
  const comparison = JSON.parse(rig.read("artifacts/runs/labels/latest/comparison.json")) as Comparison;
  expect(comparison.family.tests).toMatchObject([{ against: "most_frequent", test: "approximate randomisation" }]);
  const score = JSON.parse(
    await done(rig, "score", "artifacts/runs/labels/latest/zero_shot/predictions.jsonl", "--pred", "labels", "--json"),
  ) as { readonly views: Readonly<Record<string, Readonly<Record<string, number>>>> };
  expect(score.views.raw?.toy_count_error).toBeCloseTo(0.25, 12);
  expect((await exp(rig, "report", "labels", "--html", "--out", "labels-report")).code).toBe(0);
  expect(rig.read("labels-report/report.html")).toContain(
    tasks.get("label_set").metrics.get("toy_count_error").definition,
  );
  expect(await done(rig, "schema")).toContain('"toy_count_error"');
});
