/** The JSON of check, plan, run, show and score. stdout contains nothing else. */
import { expect } from "vitest";
import { tasks } from "../plugins/tasks/registry.ts";
import type { PlanJson } from "./command.ts";
import { test } from "./rig.ts";

const file = "experiments/study.yaml";

const views = (value: unknown) => ({ raw: value, basic: value, canonical: value });
/** No label has five cases, and there is no groups file. */
const withoutValue = ["macro_f1_min5", "group_f1", "hierarchical_f1"];
const everyMetric = expect.objectContaining(
  Object.fromEntries(
    tasks
      .get("label_set")
      .metrics.names()
      .map((name) => [name, withoutValue.includes(name) ? null : expect.any(Number)]),
  ),
);

test("plan --json is one document even with a warning, which is printed on stderr; check --json prints the warning", async ({
  rig,
}) => {
  const useless = ["--set", `model.revision=${"a".repeat(40)}`];
  const plan = await rig.start(["plan", file, "--json", ...useless]).ended;
  expect([plan.code, (JSON.parse(plan.stdout) as PlanJson).runs]).toEqual([0, 1]);
  expect(plan.stderr).toMatch(/warning\[unused-key\]/);
  const check = await rig.start(["check", file, "--json", ...useless]).ended;
  expect(JSON.parse(check.stdout)).toMatchObject({ severity: "warning", code: "unused-key" });
});

test("plan: runs, and steps with id, kind, key, status and reason", async ({ rig }) => {
  const plan = await rig.json<PlanJson>("plan", file);
  expect(plan.runs).toBe(1);
  const key = expect.stringMatching(/^[0-9a-f]{64}$/);
  const estimate = { memory: null, gpu_memory: null, seconds: null, download: null };
  expect(plan.steps).toEqual([
    { id: "data", kind: "data", key, status: "run", reason: expect.stringMatching(/^never /), estimate },
    {
      id: "generate.zero_shot",
      kind: "generate",
      key: null,
      status: "depends",
      reason: expect.stringContaining("data: test.jsonl"),
      estimate,
    },
    {
      id: "evaluate.zero_shot",
      kind: "evaluate",
      key: null,
      status: "depends",
      reason: expect.stringContaining("data: test.jsonl"),
      estimate,
    },
    {
      id: "analyse",
      kind: "analyse",
      key: null,
      status: "depends",
      reason: expect.any(String),
      estimate,
    },
    {
      id: "workbook",
      kind: "workbook",
      key: null,
      status: "depends",
      reason: expect.any(String),
      estimate,
    },
  ]);
});

test("plan: runs counts sweep points, not arms or baselines", async ({ rig }) => {
  rig.write(file, `${rig.read(file)}sweep: {grid: {data.targets.order: [as_is, alphabetical, frequency]}}\n`);
  const plan = await rig.json<PlanJson>("plan", file);
  expect(plan.runs).toBe(3);
  expect(plan.steps.filter(({ kind }) => kind === "data")).toHaveLength(3);
  const trained = JSON.parse(await rig.output("plan", file, "--json", "--set", "baselines=[tfidf_svm]")) as PlanJson;
  expect(trained.runs).toBe(3);
  expect(trained.steps.some(({ id }) => id.startsWith("generate.tfidf_svm"))).toBe(true);
});

test("plan: every step of a finished run is cached, under the key that the manifest names", async ({ rig }) => {
  const { manifest } = await rig.build(file);
  const plan = await rig.json<PlanJson>("plan", file);
  const { steps } = rig.manifest(manifest);
  expect(Object.keys(steps).sort()).toEqual(plan.steps.map(({ id }) => id).sort());
  for (const { id, key, status } of plan.steps) expect([status, key]).toEqual(["cached", steps[id]?.key]);
});

test("run: a plan, a start and an end for each step, the end of the run; reused steps end too", async ({ rig }) => {
  const first = await rig.build(file);
  expect(first.stderr).toBe("");
  expect(first.events[0]).toMatchObject({ type: "plan", runs: 1 });
  expect(first.events.at(-1)).toMatchObject({ type: "run-end", status: "done", manifest: first.manifest });
  const types = [...new Set(first.events.map(({ type }) => type))].filter((type) => type !== "progress");
  expect(types.sort()).toEqual(["plan", "run-end", "step-end", "step-start"]);
  expect(new Set(Object.values(first.steps))).toEqual(new Set(["built"]));
  const started = first.events.flatMap((event) => (event.type === "step-start" ? [event.step] : []));
  expect(started.sort()).toEqual(Object.keys(first.steps).sort());
  const seconds = first.events.flatMap((event) => (event.type === "step-end" ? [event.seconds] : []));
  expect(seconds).toEqual(started.map(() => expect.any(Number)));

  const second = await rig.build(file);
  expect(Object.keys(second.steps).sort()).toEqual(Object.keys(first.steps).sort());
  expect(new Set(Object.values(second.steps))).toEqual(new Set(["reused"]));
  expect(second.events.some(({ type }) => type === "step-start")).toBe(false);
});

test("run: a failed step has a code, a message and help; the steps that need it are skipped", async ({ rig }) => {
  rig.edit("experiments/data/answers.jsonl", '"test-4"', '"test-4-renamed"');
  const run = await rig.run(file);
  expect(run.code).toBe(1);
  expect(run.stderr).toBe("");
  const failed = run.events.find((event) => event.type === "step-end" && event.status === "failed");
  expect(failed).toMatchObject({
    step: "generate.zero_shot",
    error: { code: "replay-incomplete", message: expect.stringContaining("test-4"), help: expect.any(String) },
  });
  expect(run.steps).toMatchObject({ data: "built", "evaluate.zero_shot": "skipped", workbook: "skipped" });
  expect(run.events.at(-1)).toMatchObject({ type: "run-end", status: "failed", manifest: null });
});

test("show: the manifest, by run id, experiment name and path alike", async ({ rig }) => {
  const { manifest: path } = await rig.build(file);
  const manifest = rig.manifest(path);
  // The digest belongs to the file, and is checked when it is read.
  const { digest: _digest, ...content } = manifest as typeof manifest & { readonly digest?: string };
  for (const name of [manifest.run, "study", path]) {
    expect(await rig.json("show", name)).toEqual(content);
  }
  expect(manifest.arms).toEqual({ zero_shot: views(everyMetric) });
  const number = expect.any(Number);
  expect(manifest.intervals.zero_shot?.basic.micro_f1).toEqual({
    low: number,
    high: number,
    method: "few_errors",
    resamples: 10_000,
    seed: 1,
  });
  expect(Object.keys(manifest.intervals.zero_shot?.canonical ?? {})).toEqual([
    "micro_f1",
    "macro_f1_min5",
    "samples_f1",
    "exact_match",
    "macro_f1",
    "jaccard_samples",
  ]);
  expect(manifest.cost).toMatchObject({
    seconds: expect.any(Number),
    peak_memory: expect.any(Number),
    tokens: { trained: 0, prompted: expect.any(Number), generated: expect.any(Number) },
  });
  const sha = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(manifest.provenance).toMatchObject({
    exp: expect.stringMatching(/^\d+\.\d+\.\d+/),
    node: process.versions.node,
    git: null,
    os: expect.stringContaining("Linux"),
    hardware: { cpu: expect.any(String), cores: expect.any(Number), memory: expect.any(Number), gpus: [] },
    // Replayed answers need no Python environment.
    locks: {},
    packages: {},
    seeds: expect.any(Object),
    sources: expect.objectContaining({ "experiments/data/train.csv": sha, "experiments/data/test.csv": sha }),
  });
  expect(JSON.stringify(manifest)).not.toContain(rig.folder);
});

test("check: one object for each error on stdout, and nothing on stderr", async ({ rig }) => {
  rig.edit(file, "generate:", "generat:");
  rig.edit(file, "data/train.csv", "data/absent.csv");
  const { code, stdout, stderr } = await rig.exp("check", file, "--json");
  expect([code, stderr]).toEqual([2, ""]);
  const found = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const place = { file, line: expect.any(Number), column: expect.any(Number), severity: "error" };
  expect(found).toContainEqual(
    expect.objectContaining({
      ...place,
      code: "unknown-key",
      line: 10,
      column: 1,
      help: expect.stringContaining('"generate"'),
    }),
  );
  expect(found).toContainEqual(expect.objectContaining({ ...place, code: "missing-file", line: 4 }));
});

test("score: n and every metric in three views, as computed by hand", async ({ rig }) => {
  const lines = [
    { id: "1", gold: ["Liver cyst", "Renal stone"], pred: ["liver cyst"] },
    { id: "2", gold: ["Renal stone"], pred: ["Renal stone", "Mass"] },
    { id: "3", gold: ["Mass"], pred: [] },
  ];
  rig.write("cases.jsonl", lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const scored = JSON.parse(await rig.output("score", "cases.jsonl", "--json"));
  expect(scored).toEqual({ n: 3, views: views(everyMetric), absent: expect.any(Object) });
  expect(Object.keys(scored.absent).sort()).toEqual(withoutValue.toSorted());
  // basic: tp 2 (liver cyst, renal stone), fp 1 (mass), fn 2 (renal stone of 1, mass of 3)
  expect(scored.views.basic.micro_f1).toBeCloseTo(4 / 7, 12);
  expect(scored.views.basic.exact_match).toBe(0);
  expect(scored.views.basic.samples_f1).toBeCloseTo((2 / 3 + 2 / 3 + 0) / 3, 12);
  // raw: "liver cyst" is not "Liver cyst"
  expect(scored.views.raw.micro_f1).toBeCloseTo(2 / 7, 12);
});
