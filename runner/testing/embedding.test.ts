/** A local embedding model that compares free texts with their targets. */
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { ArmMetrics } from "../pipeline/result-files.ts";
import { expectFailure } from "./command.ts";
import { test } from "./rig.ts";
import { tinyModel } from "./tiny-model.ts";

const clone = fileURLToPath(new URL("../..", import.meta.url));
const file = "experiments/compared.yaml";

test("answers are compared with targets once, by a model that the key knows", async ({ rig }) => {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  cpSync(tinyModel("qwen3"), rig.path("models/tiny"), { recursive: true });
  rig.usePython();
  rig.write(
    file,
    `extends: incident-titles-replay.yaml
name: compared
evaluate:
  metrics: [rouge_l]
  primary: {metric: embedding_score, view: raw}
  embedding: {base: ../models/tiny}
baselines: [nearest]
`,
  );
  const { manifest, steps } = await rig.build(file);
  expect(steps["embed.tuned"]).toBe("built");
  const { run, arms, config } = rig.manifest(manifest);
  expect(config.evaluate.embedding).toEqual({ base: "models/tiny" });
  const lines = rig
    .read(join(dirname(manifest), "tuned/predictions.jsonl"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { gold: string; prediction: string; similarity: number });
  const mean = lines.reduce((sum, { similarity }) => sum + similarity, 0) / lines.length;
  expect(arms.tuned?.raw.embedding_score).toBeCloseTo(mean, 12);
  const equal = lines.filter(({ gold, prediction }) => gold === prediction);
  expect(new Set(equal.map(({ similarity }) => similarity))).toEqual(new Set([1]));
  expect(lines.filter(({ similarity }) => similarity < 1).length).toBe(lines.length - equal.length);
  const folder = `artifacts/runs/compared/${run}`;
  expect((rig.readJson(`${folder}/tuned/metrics.json`) as ArmMetrics).embedding).toEqual({ cut: 0 });
  expect(rig.readJson(`${folder}/embedding/model.json`)).toMatchObject({ base: "local" });

  expect(await rig.output("show", "compared")).toContain("The model of embedding_score is models/tiny.");
  expect(await rig.output("compare", "compared")).toContain("Differences in embedding_score");
  expect((await rig.exp("report", "compared", "--html", "--out", "out")).code).toBe(0);
  expect(rig.read("out/report.html")).toContain("The model of embedding_score");

  const again = await rig.build(file, "--set", "evaluate.bootstrap.seed=7");
  expect(again.steps).toMatchObject({ fetch_embedding: "reused", "embed.tuned": "reused", "evaluate.tuned": "built" });
  rig.write("models/tiny/README.txt", "another file of the model");
  expect(await rig.output("plan", file)).toMatch(/fetch_embedding +will run/);
});

test("the model of an embedding score is pinned, known and for texts", async ({ rig }) => {
  for (const folder of ["experiments", "prompts"]) cpSync(join(clone, folder), rig.path(folder), { recursive: true });
  const write = (base: string, task = "incident-titles-replay.yaml"): void =>
    rig.write(file, `extends: ${task}\nname: compared\nevaluate:\n  embedding: {base: ${base}}\n`);
  write("owner/name");
  expectFailure(await rig.exp("check", file), 2, "unpinned-revision", "evaluate.embedding.revision is missing");
  write("./nowhere");
  expectFailure(await rig.exp("check", file), 2, "missing-model", "evaluate.embedding.base: no folder");
  write("smollm2-135m", "quickstart.yaml");
  expectFailure(await rig.exp("check", file), 2, "task-unsupported", "evaluate.embedding needs a task with texts");
});
