/** A study with real Python steps: torchtune fine-tunes a tiny model; a zero-shot arm and a baseline are compared. */
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { expectFailure, type RunEvents } from "./command.ts";
import { Rig, test } from "./rig.ts";
import { expectIntactStore, outputs } from "./store-checks.ts";

const file = "experiments/tuned.yaml";
const secret = "hf_SecretOfThisTest0123456789";
const steps = [
  "fetch",
  "data",
  "prompt.zero_shot",
  "prompt.tuned",
  "preflight",
  "train",
  "generate.zero_shot",
  "generate.tfidf_svm",
  "generate.tuned",
  "evaluate.zero_shot",
  "evaluate.tfidf_svm",
  "evaluate.tuned",
  "compare",
  "analyse",
  "workbook",
];

/** The finished study, built once; each test uses a copy of it with its artifacts. */
let finished: Rig;
let first: RunEvents;

beforeAll(async () => {
  finished = new Rig();
  finished.usePython();
  finished.env = { ...finished.env, HF_TOKEN: secret };
  finished.addTinyModel("qwen3", "models/tiny");
  first = await finished.build(file);
}, 600_000);

afterAll(() => finished.close());

/** The steps of a study that are not cached, with the reason from `exp plan`. */
async function uncached(rig: Rig): Promise<Record<string, string>> {
  return Object.fromEntries(Object.entries(await rig.plan(file)).filter(([, status]) => status !== "cached"));
}

const copy = (rig: Rig): Rig => {
  const twin = finished.copy();
  rig.onClose(() => twin.close());
  return twin;
};

const builtBy = ({ steps: ended }: RunEvents): readonly string[] =>
  Object.keys(ended).filter((step) => ended[step] === "built");

describe("a tiny Qwen3, LoRA, three arms:", () => {
  test("the trained model answers rows in exp predict as in the run", async ({ rig }) => {
    const twin = copy(rig);
    const before = twin.tree("artifacts/store/keys");
    const rows = "experiments/data/test.csv";
    await twin.output("predict", "tuned", rows, "--out", "again.jsonl");
    const answers = (path: string, key: string): readonly unknown[] =>
      readFileSync(twin.path(path), "utf8")
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as Readonly<Record<string, unknown>>)[key]);
    const [tuned, untrained] = ["tuned", "zero_shot"].map((arm) =>
      answers(join(dirname(first.manifest), arm, "predictions.jsonl"), "text"),
    );
    expect(answers("again.jsonl", "answer")).toEqual(tuned);
    expect(tuned).not.toEqual(untrained);
    expect(answers("again.jsonl", "confidence")).toEqual(Array.from({ length: 9 }, () => expect.any(Number)));
    expect(twin.tree("artifacts/store/keys")).toEqual(before);

    twin.write("long.csv", `id,text\nshort,liver\nlong,"${"liver ".repeat(5_000)}"\n`);
    const code = "context-too-short";
    expectFailure(await twin.exp("predict", "tuned", "long.csv"), 1, code, /long: the prompt has \d+ tokens/);
  });

  test("every step is built, and the run's folder has every output", () => {
    expect(Object.keys(first.steps).sort()).toEqual([...steps].sort());
    expect(new Set(Object.values(first.steps))).toEqual(new Set(["built"]));
    const folder = dirname(first.manifest);
    expect(readdirSync(folder).sort()).toEqual(
      [
        "adapter",
        "analysis.json",
        "comparison.json",
        "data",
        "failures.jsonl",
        "manifest.json",
        "model.json",
        "preflight.json",
        "tensorboard",
        "tfidf_svm",
        "train.json",
        "tuned",
      ]
        .concat(["workbook.xlsx", "zero_shot"])
        .sort(),
    );
    expect(readdirSync(join(folder, "adapter"))).toEqual(
      expect.arrayContaining(["adapter_config.json", "adapter_model.safetensors"]),
    );
    expect(readFileSync(join(folder, "workbook.xlsx")).subarray(0, 2).toString()).toBe("PK");
    for (const arm of ["zero_shot", "tfidf_svm", "tuned"]) {
      const rows = readFileSync(join(folder, arm, "predictions.jsonl"), "utf8")
        .trim()
        .split("\n");
      expect(rows).toHaveLength(9);
      for (const row of rows) {
        expect(JSON.parse(row)).toMatchObject({ id: expect.stringMatching(/^test-\d$/), gold: expect.any(Array) });
      }
    }
    const answer = JSON.parse(readFileSync(join(folder, "tuned/responses.jsonl"), "utf8").split("\n")[0] as string);
    expect(answer).toEqual({
      id: "test-0",
      text: expect.any(String),
      prompt_tokens: expect.any(Number),
      new_tokens: expect.any(Number),
      finish: expect.stringMatching(/^(stop|length)$/),
      logprob: expect.any(Number),
    });
  });

  test("exp show names the training's run in trackers, and finds the run by that name", async () => {
    const { steps } = finished.manifest(first.manifest);
    const shown = await finished.output("show", "tuned");
    expect(shown).toMatch(/Trackers\ntensorboard, train:\n {2}tensorboard --logdir \S+\/tensorboard\n/);
    expect(await finished.output("show", `train-${steps.train?.key.slice(0, 12)}`)).toBe(shown);
    expectFailure(await finished.exp("show", "train-000000000000"), 2, "run-not-found");
  });

  test("the manifest has scores, cost, provenance and configuration", () => {
    const { arms, cost, provenance, config } = finished.manifest(first.manifest);
    const views = ["basic", "canonical", "raw"];
    expect(Object.keys(arms).sort()).toEqual(["tfidf_svm", "tuned", "zero_shot"]);
    for (const arm of Object.values(arms)) expect(Object.keys(arm).sort()).toEqual(views);
    expect(arms.tfidf_svm?.basic.micro_f1).toBeGreaterThan(0.3);
    expect(cost.seconds).toBeGreaterThan(1);
    expect(cost.peak_memory).toBeGreaterThan(1e8);
    expect(cost.tokens.trained).toBeGreaterThan(48);
    expect(cost.tokens.prompted).toBeGreaterThan(2 * 9);
    expect(cost.tokens.generated).toBeGreaterThan(2 * 9 - 1);
    expect(Object.keys(cost.steps).sort()).toEqual([...steps].sort());
    expect(provenance.packages.torchtune).toMatchObject({ torchtune: "0.6.1", torchao: "0.15.0" });
    expect(provenance.packages.torchtune).toHaveProperty("transformers");
    expect(provenance.seeds).toMatchObject({ "train.seed": 42 });
    const sources = ["experiments/data/train.csv", "experiments/data/test.csv", "prompts/ask.hbs", "prompts/zero.hbs"];
    expect(Object.keys(provenance.sources)).toEqual(expect.arrayContaining(sources));
    expect(config).toMatchObject({ train: { rank: 4, alpha: 8 }, model: { base: "models/tiny" } });
    expect(JSON.stringify({ config, provenance })).not.toContain(finished.folder);
  });

  test("the store keeps outputs and no checkpoints; no temporary files remain", () => {
    expectIntactStore(finished);
    const stored = Object.keys(finished.tree("artifacts/store/objects"));
    expect(stored.filter((name) => /checkpoint|optimi|\.pt$|request\.json/.test(name))).toEqual([]);
    expect(readdirSync(finished.path("artifacts/work"))).toEqual(["snapshots"]);
  });

  test("no file of the study contains the token that fetch received", () => {
    expect(first.stdout + first.stderr).not.toContain(secret);
    const files = (readdirSync(finished.folder, { recursive: true }) as string[])
      .map((name) => finished.path(name))
      .filter((path) => statSync(path).isFile());
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((path) => readFileSync(path, "latin1").includes(secret))).toEqual([]);
  });

  test("a second run starts no Python, reuses every step and is the same run", async ({ rig }) => {
    const study = copy(rig);
    // Without an environment, a step that starts Python fails.
    study.env = {};
    const second = await study.build(file);
    expect(new Set(Object.values(second.steps))).toEqual(new Set(["reused"]));
    expect(second.manifest).toBe(join(study.folder, first.manifest.slice(finished.folder.length + 1)));
  });

  test("preflight.json has the numbers of rows and tokens, the rules, and five decoded masks", () => {
    const report = JSON.parse(readFileSync(join(dirname(first.manifest), "preflight.json"), "utf8"));
    expect(report).toMatchObject({ rows: 48, eval: { rows: 9 } });
    expect(report.longest).toBeLessThanOrEqual(256);
    expect(report.trained_tokens).toBeGreaterThan(48);
    expect(report.tokens).toBeGreaterThan(report.trained_tokens);
    expect(report.rules.length).toBeGreaterThan(0);
    expect(report.rules.filter(({ ok }: { ok: boolean }) => !ok)).toEqual([]);
    expect(report.masks.map(({ id }: { id: string }) => id)).toEqual(
      Array.from({ length: 5 }, (_, row) => `train-${row}`),
    );
    expect(report.masks[0].prompt).toContain("Report 0. The liver shows a 3 mm cyst");
    expect(report.masks[0].trained).toBe("liver cyst, follow-up<|im_end|>");
  });
});

describe("what runs again, by exp plan:", () => {
  test("nothing, after a comment, another checkpoint interval, or a moved study", async ({ rig }) => {
    const study = copy(rig);
    study.edit(file, "# A fine-tune of a tiny model", "# Something else");
    study.edit(file, "checkpoint: {every_steps: 2}", "checkpoint: {every_steps: 3}");
    study.move("elsewhere");
    // The workbook shows the configuration, which contains the checkpoint interval.
    expect(Object.keys(await uncached(study))).toEqual(["workbook"]);
    study.edit(file, "checkpoint: {every_steps: 3}", "checkpoint: {every_steps: 2}");
    expect(await uncached(study)).toEqual({});
  });

  test("train and its dependents, after train.rank", async ({ rig }) => {
    const study = copy(rig);
    study.edit(file, "rank: 4", "rank: 8");
    expect(await uncached(study)).toEqual({
      preflight: expect.stringMatching(/^run: .*\btrain\b/),
      train: "run: alpha: 8 -> 16",
      "generate.tuned": expect.stringMatching(/^depends: .*\btrain: adapter/),
      "evaluate.tuned": expect.stringMatching(/^depends: .*\bgenerate\.tuned\b/),
      compare: expect.stringMatching(/^depends: .*\bevaluate\.tuned\b/),
      analyse: expect.stringMatching(/^depends: .*\bevaluate\.tuned\b/),
      workbook: expect.stringMatching(/^depends: .*\banalyse\b/),
    });
    expect(builtBy(await study.build(file, "--until", "preflight"))).toEqual(["preflight"]);
    // Another seed has the same rows and memory: preflight has passed within the hour.
    expect(await study.plan(file, "--set", "train.seed=77")).toMatchObject({
      preflight: "cached",
      train: expect.stringMatching(/^run: /),
    });
    const run = await study.build(file);
    expect([...builtBy(run)].sort()).toEqual(
      ["train", "generate.tuned", "evaluate.tuned", "compare", "analyse", "workbook"].sort(),
    );
    const manifest = study.manifest(run.manifest);
    expect(manifest.steps["generate.zero_shot"]).toEqual(finished.manifest(first.manifest).steps["generate.zero_shot"]);
    expect(await study.json("why", "tuned", "train")).toMatchObject({ status: "cached" });
    study.edit(file, "rank: 8", "rank: 4");
    expect(new Set(Object.values((await study.build(file)).steps))).toEqual(new Set(["reused"]));
  }, 300_000);

  test("data alone, after an unused column", async ({ rig }) => {
    const study = copy(rig);
    study.edit("experiments/data/train.csv", "row 3\n", "a remark\n");
    expect(await uncached(study)).toMatchObject({ data: expect.stringMatching(/^run: data\.train\.file /) });
    expect(builtBy(await study.build(file))).toEqual(["data"]);
    expect(await uncached(study)).toEqual({});
  });

  test("the zero-shot arm alone, after its template", async ({ rig }) => {
    const study = copy(rig);
    study.edit("prompts/zero.hbs", "nothing else", "separated by commas");
    const again = await uncached(study);
    expect(Object.keys(again).filter((step) => /tuned|train|tfidf|fetch|data/.test(step))).toEqual([]);
    expect(again["prompt.zero_shot"]).toEqual(expect.stringMatching(/^run: template /));
    expect(await study.json("why", "tuned", "generate.zero_shot")).toMatchObject({
      status: "depends",
      because: { step: "prompt.zero_shot", reason: expect.stringMatching(/^template /) },
    });
  });

  test("training and its arm alone, after its template", async ({ rig }) => {
    const study = copy(rig);
    study.edit("prompts/ask.hbs", "Name the", "Name all");
    const again = await uncached(study);
    expect(Object.keys(again).filter((step) => /zero_shot|tfidf|fetch|data/.test(step))).toEqual([]);
    expect(again).toMatchObject({
      "prompt.tuned": expect.stringMatching(/^run: template /),
      train: expect.stringMatching(/^depends/),
    });
  });

  test("a template whose new comment renders the same runs the prompt and nothing else", async ({ rig }) => {
    const study = copy(rig);
    study.edit("prompts/ask.hbs", "{{#system}}", "{{! a comment }}{{#system}}");
    expect(builtBy(await study.build(file))).toEqual(["prompt.tuned"]);
  });

  test("the baseline alone, after its recipe; generation and never training, after that of generation", async ({
    rig,
  }) => {
    const study = copy(rig);
    const own = study.ownPackage();
    study.edit(join(own, "recipes/baselines/tfidf_svm.py"), /^(?=from recipes\.common\.files)/m, "# changed\n");
    expect(await uncached(study)).toEqual({
      "generate.tfidf_svm": expect.stringMatching(/^run: recipes\/baselines\/tfidf_svm\.py /),
      "evaluate.tfidf_svm": expect.stringMatching(/^depends/),
      compare: expect.stringMatching(/^depends/),
      analyse: expect.stringMatching(/^depends/),
      workbook: expect.stringMatching(/^depends/),
    });
    study.edit(join(own, "recipes/baselines/tfidf_svm.py"), "# changed\n", "");
    study.append(join(own, "recipes/transformers/generate.py"), "\n# changed\n");
    const again = await uncached(study);
    expect(again).toMatchObject({
      "generate.zero_shot": expect.stringMatching(/^run: recipes\/transformers\/generate\.py /),
      "generate.tuned": expect.stringMatching(/^run: recipes\/transformers\/generate\.py /),
    });
    expect(Object.keys(again).filter((step) => /^(train|prompt|data|fetch|.*tfidf.*)/.test(step))).toEqual([]);
  });

  test("training, after the trainer's recipe or the lock of its environment", async ({ rig }) => {
    const study = copy(rig);
    const own = study.ownPackage();
    study.append(join(own, "recipes/torchtune/recipe.py"), "\n# changed\n");
    expect((await uncached(study)).train).toEqual(expect.stringMatching(/^run: recipes\/torchtune\/recipe\.py /));
    expect(await uncached(study)).not.toHaveProperty("generate.zero_shot");
    study.edit(join(own, "recipes/torchtune/recipe.py"), "\n# changed\n", "");
    expect(await uncached(study)).toEqual({});
    study.append(join(own, "recipes/locks/torchtune-cpu.lock"), "\n# changed\n");
    const again = await uncached(study);
    expect(again.train).toEqual(expect.stringMatching(/^run: lock of torchtune /));
    expect(Object.keys(again)).toEqual(expect.arrayContaining(["generate.zero_shot", "generate.tfidf_svm"]));
    expect(again).not.toHaveProperty("data");
    expect(Object.keys(again)).not.toContain("prompt.tuned");
  });

  test("fetch, after a change of the model; nothing except the workbook, after its folder moved", async ({ rig }) => {
    const study = copy(rig);
    renameSync(study.path("models/tiny"), study.path("models/renamed"));
    study.edit(file, "../models/tiny", "../models/renamed");
    expect(Object.keys(await uncached(study))).toEqual(["workbook"]);
    study.append("models/renamed/config.json", "\n");
    expect(await uncached(study)).toMatchObject({ fetch: expect.stringMatching(/^run: model\/config\.json /) });
  });
});

test("a forced training gives a new run, and the older run keeps its files", async ({ rig }) => {
  const study = copy(rig);
  const before = study.tree("artifacts/runs");
  const run = await study.build(file, "--force", "train");
  expect(run.steps).toMatchObject({ train: "built", fetch: "reused", "generate.zero_shot": "reused" });
  const { "tuned/latest": _moved, ...earlier } = before;
  expect(Object.keys(earlier).length).toBeGreaterThan(10);
  const now = study.tree("artifacts/runs");
  expect(now).toMatchObject(earlier);
  expectIntactStore(study);
  expect(Object.keys(now).filter((name) => !existsSync(study.path(`artifacts/runs/${name}`)))).toEqual([]);
});

test("a tiny Llama-like model, DoRA, the best epoch by validation loss", async ({ rig }) => {
  rig.usePython();
  rig.addTinyModel("llama", "models/tiny");
  rig.edit(file, "method: lora", "method: dora");
  rig.edit(file, "epochs: 1", "epochs: 2");
  rig.edit(file, "precision: fp32\n", "precision: fp32\n  keep: {best: loss}\n");
  rig.edit(file, "  test: {file", "  validation: {fraction: 0.25, seed: 13}\n  test: {file");
  const { manifest } = await rig.build(file);
  const { arms, steps: of } = rig.manifest(manifest);
  expect(Object.keys(arms).sort()).toEqual(["tfidf_svm", "tuned", "zero_shot"]);
  expect(Object.keys(outputs(rig, manifest, "train"))).toContain("adapter/adapter_model.safetensors");
  const adapter = rig.readJson(join(dirname(manifest), "adapter/adapter_config.json"));
  expect(adapter).toMatchObject({ peft_type: "LORA", use_dora: true, r: 4, lora_alpha: 8 });
  expect(of.data?.evidence).toMatchObject({ validation: 12 });
}, 300_000);
