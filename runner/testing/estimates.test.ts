/** Estimates of memory, time and downloads, in the plan and as errors before a run. Only the last test starts Python. */
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { cacheRoot } from "../setup/cache.ts";
import type { PlanJson } from "./command.ts";
import { test } from "./rig.ts";

type Estimated = {
  readonly steps: readonly {
    readonly id: string;
    readonly estimate: Readonly<Record<"memory" | "gpu_memory" | "seconds" | "download", unknown>>;
  }[];
  readonly problems: readonly { readonly step: string; readonly severity: string; readonly code: string }[];
};

const file = "experiments/big.yaml";
const study = `name: big
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv}
  columns: {id: id, input: text, target: labels}
model: {base: Qwen/Qwen3-4B, revision: 1cfa9a7208912126459214e8b04321603b3df60c}
prompt: {template: prompts/ask.hbs, zero_shot: prompts/ask.hbs}
train: {method: lora, batch_size: 8, merge: true}
resources: {gpus: 1, gpu_memory: 24GB}
`;

test("a plan estimates each step; a step that needs another machine is a warning", async ({ rig }) => {
  rig.write(file, study);
  const { code, stdout } = await rig.start(["plan", "--json", file], { env: { CUDA_VISIBLE_DEVICES: "" } }).ended;
  const { steps, problems } = JSON.parse(stdout) as Estimated;
  const estimate = (id: string) => steps.find((step) => step.id === id)?.estimate;
  expect(code).toBe(0);
  expect(estimate("fetch")?.download).toBeGreaterThan(8e9);
  expect(estimate("train")?.gpu_memory).toEqual([expect.any(Number), expect.any(Number)]);
  expect(estimate("train")?.seconds).toEqual([expect.any(Number), expect.any(Number)]);
  expect(estimate("merge")?.memory).toEqual([expect.any(Number), expect.any(Number)]);
  expect(estimate("evaluate.tuned")).toEqual({ memory: null, gpu_memory: null, seconds: null, download: null });
  expect(problems).toContainEqual(expect.objectContaining({ step: "train", code: "no-gpu" }));
});

test("a plan names the faster engine on a CPU, where it gives equal answers", async ({ rig }) => {
  rig.write(file, study.replace("gpus: 1, gpu_memory: 24GB", "gpus: 0"));
  const plan = async (...set: string[]) =>
    (await rig.exp("plan", file, ...set.flatMap((one) => ["--set", one]))).stdout;
  const found = process.platform === "linux";
  expect((await plan()).match(/^Hint: generate.engine: vllm .*/gm) ?? []).toHaveLength(found ? 1 : 0);
  expect(await plan("generate.precision=4bit")).not.toContain("Hint:");
  const vllm = await plan("generate.engine=vllm");
  expect(vllm).not.toContain("Hint:");
  expect(vllm).toMatch(/generate\.tuned +\S+ +[\d.]+ to [\d.]+ GB/);
});

test("a tracker that the environment lacks is a warning of plan, and an error of run before any step", async ({
  rig,
}) => {
  rig.usePython();
  const file = "experiments/tuned.yaml";
  const bundled = ["--set", "model.base=smollm2-135m"];
  const set = [...bundled, "--set", "train.report_to=[mlflow]"];
  const planned = await rig.start(["plan", file, ...set]).ended;
  expect([planned.code, planned.stderr]).toEqual([0, expect.stringContaining("train: warning[reporter-missing]")]);
  const { code, stderr } = await rig.start(["run", file, ...set]).ended;
  expect([code, stderr]).toEqual([2, expect.stringContaining("train: error[reporter-missing]")]);
  expect(existsSync(rig.path("artifacts/logs"))).toBe(false);
  expect((await rig.start(["plan", file, ...bundled]).ended).stderr).not.toContain("reporter-missing");
});

test("a training that exceeds the memory is an error before any step, with settings that reduce it", async ({
  rig,
}) => {
  rig.write(file, study.replace("24GB", "6GB"));
  for (const command of ["plan", "run"]) {
    const { code, stderr } = await rig.start([command, file], { env: { CUDA_VISIBLE_DEVICES: "" } }).ended;
    expect(code).toBe(2);
    expect(stderr).toContain("error[memory-short]");
    expect(stderr).toContain("train.batch_size");
    expect(stderr).toContain("train.method: qlora");
  }
  const { code, stderr } = await rig.start(["run", file, "--set", "resources.gpus=0", "--set", "resources.memory=4GB"])
    .ended;
  expect([code, stderr]).toEqual([2, expect.stringContaining("error[memory-short]")]);
  expect(stderr).not.toContain("no-gpu");
  expect(existsSync(rig.path("artifacts/runs"))).toBe(false);
});

test("trainings that differ in memory have a preflight each, others share one", async ({ rig }) => {
  rig.write(file, `${study}sweep:\n  grid: {train.method: [lora, full], train.learning_rate: [1.0e-4, 2.0e-4]}\n`);
  const { stdout } = await rig.start(["plan", "--json", file, "--set", "resources.gpu_memory=160GB"]).ended;
  const kinds = (JSON.parse(stdout) as PlanJson).steps.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "preflight")).toHaveLength(2);
  expect(kinds.filter((kind) => kind === "train")).toHaveLength(4);
});

test("a batch takes memory for the rows that exist", async ({ rig }) => {
  rig.write(file, study);
  const memory = async (batch: number) => {
    const args = ["plan", "--json", file, "--set", `train.batch_size=${batch}`];
    const { steps } = JSON.parse((await rig.start(args).ended).stdout) as Estimated;
    return steps.find(({ id }) => id === "train")?.estimate.gpu_memory;
  };
  const [few, all, more] = [await memory(2), await memory(1000), await memory(100_000)];
  expect(more).toEqual(all);
  expect(more).not.toEqual(few);
});

test("check --preflight downloads nothing", async ({ rig }) => {
  rig.write(file, study);
  const { code, stderr } = await rig.start(["check", "--preflight", file]).ended;
  expect(code).toBe(2);
  expect(stderr).toContain("error[model-not-here]");
  expect(existsSync(rig.path("artifacts"))).toBe(false);
});

test("after a training, the plan of a like one estimates it from its time and memory", async ({ rig }) => {
  // A cache of its own with the environments of this machine, so that it has no other measurements.
  rig.write("cache/.keep", "");
  for (const name of ["envs", "models"]) symlinkSync(join(cacheRoot(), name), rig.path(`cache/${name}`));
  rig.env = { ...rig.env, EXP_CACHE: rig.path("cache") };
  rig.addTinyModel("qwen3", "models/tiny");
  const plan = async (...set: string[]) => {
    const args = ["plan", "experiments/tuned.yaml", ...set.flatMap((one) => ["--set", one])];
    const { steps } = await rig.json<Estimated>(...args);
    return { text: await rig.output(...args), train: steps.find(({ id }) => id === "train")?.estimate };
  };
  await rig.output("plan", "experiments/tuned.yaml");
  // On a loaded machine the first plan gives up measuring.
  const [machine = ""] = Object.keys(rig.readJson("cache/machine-speed.json") as object);
  rig.write("cache/machine-speed.json", JSON.stringify({ [machine]: { fp32: 9e10, bf16: 3e11, bandwidth: 1e10 } }));
  const before = await plan();
  expect(before.text).toMatch(
    /^Times .*: train, generate\.zero_shot, .* from the speed of its cores, if they are idle$/m,
  );
  await rig.build("experiments/tuned.yaml", "--until", "train");
  const [first] = rig.read("cache/measurements.jsonl").split("\n");
  const { used, ...measured } = JSON.parse(first as string) as { used?: number; memory: number };
  const { memory } = measured;
  // On a loaded machine the training takes over a minute and has the share of its cores.
  const seconds = 30;
  rig.write("cache/measurements.jsonl", `${JSON.stringify({ ...measured, seconds })}\n`);

  const { text, train } = await plan("train.epochs=2");
  expect(text).toMatch(/^Times measured on this machine: train from a like step of \d{4}-\d\d-\d\d/m);
  expect(train?.seconds).toEqual([expect.closeTo((1.5 * seconds) / 1.25), expect.closeTo(2 * seconds * 1.25)]);
  expect(train?.memory).toEqual([expect.closeTo(0.85 * memory), expect.closeTo(1.25 * memory)]);
  expect((await plan("train.learning_rate=1.0e-4")).train?.seconds).not.toEqual(before.train?.seconds);
  expect((await plan("train.method=dora")).text).not.toContain("step of");
});
