/** Cache hits and misses of steps without Python: content decides; names, times and locations do not. */
import { readdirSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { expectFailure, type RunEvents } from "./command.ts";
import { type Rig, test } from "./rig.ts";

const file = "experiments/study.yaml";
const steps = ["data", "generate.zero_shot", "evaluate.zero_shot", "analyse", "workbook"];
const all = (status: string) => Object.fromEntries(steps.map((step) => [step, status]));
const but = (...steps: readonly string[]) => ({
  ...all("reused"),
  ...Object.fromEntries(steps.map((step) => [step, "built"])),
});

/** The one file of a step's stored output. */
const stored = (rig: Rig, run: RunEvents, step: string, name: string): string =>
  rig.path(`artifacts/store/objects/${rig.manifest(run.manifest).steps[step]?.object}/${name}`);

test("a second run reuses every step, is the same run, and writes nothing", async ({ rig }) => {
  const first = await rig.build(file);
  expect(first.steps).toEqual(all("built"));
  const before = rig.tree();
  const second = await rig.build(file);
  expect(second.steps).toEqual(all("reused"));
  expect(second.manifest).toBe(first.manifest);
  expect(rig.tree()).toEqual(before);
});

test("plan, check, why, show and ls write nothing, not even a folder", async ({ rig }) => {
  await rig.output("plan", file);
  await rig.output("check", file);
  await rig.output("ls");
  expect(readdirSync(rig.folder).sort()).toEqual(["experiments", "prompts"]);
  await rig.build(file);
  const before = rig.tree();
  for (const args of [["plan", file], ["why", "study", "data"], ["show", "study"], ["ls"]]) await rig.output(...args);
  expect(rig.tree()).toEqual(before);
});

test("a comment in the YAML changes nothing", async ({ rig }) => {
  const first = await rig.build(file);
  rig.edit(file, "# A study whose answers are replayed", "# Another comment\n");
  const second = await rig.build(file);
  expect(second.steps).toEqual(all("reused"));
  expect(second.manifest).toBe(first.manifest);
});

test("another order of keys changes nothing", async ({ rig }) => {
  await rig.build(file);
  rig.edit(file, "{id: id, input: text, target: labels}", "{target: labels, input: text, id: id}");
  expect((await rig.build(file)).steps).toEqual(all("reused"));
});

test("a default that is written out changes nothing", async ({ rig }) => {
  await rig.build(file);
  rig.write(file, `${rig.read(file)}task: label_set\n`);
  expect((await rig.build(file)).steps).toEqual(all("reused"));
});

test("an unused column runs data again and nothing else", async ({ rig }) => {
  await rig.build(file);
  rig.edit("experiments/data/test.csv", "row 3\n", "a remark on row 3\n");
  expect((await rig.build(file)).steps).toEqual(but("data"));
});

test("a changed training row runs data, analyse and the workbook, and no step that answers or scores test rows", async ({
  rig,
}) => {
  await rig.build(file);
  rig.edit("experiments/data/train.csv", "Report 7. The", "Report 7, corrected. The");
  expect((await rig.build(file)).steps).toEqual(but("data", "analyse", "workbook"));
});

test("a changed answer runs all steps except data", async ({ rig }) => {
  await rig.build(file);
  rig.edit("experiments/data/answers.jsonl", '{"id":"test-3","text":"unknown"}', '{"id":"test-3","text":"liver cyst"}');
  expect((await rig.build(file)).steps).toEqual({ ...all("built"), data: "reused" });
});

test("a moved study whose files all have new times runs nothing", async ({ rig }) => {
  const first = await rig.build(file);
  const manifest = rig.manifest(first.manifest);
  rig.move("elsewhere");
  const now = new Date();
  let touched = 0;
  for (const name of readdirSync(rig.folder, { recursive: true }) as string[]) {
    const path = rig.path(name);
    if (name.startsWith("artifacts") || !statSync(path).isFile()) continue;
    utimesSync(path, now, now);
    touched++;
  }
  expect(touched).toBeGreaterThan(5);
  const second = await rig.build(file);
  expect(second.steps).toEqual(all("reused"));
  expect(rig.manifest(second.manifest)).toEqual(manifest);
});

test("a renamed data file runs the workbook, which shows the configuration, and nothing else", async ({ rig }) => {
  await rig.build(file);
  rig.edit(file, "data/train.csv", "../elsewhere/rows.csv");
  rig.write("elsewhere/rows.csv", rig.read("experiments/data/train.csv"));
  expect((await rig.build(file)).steps).toEqual(but("workbook"));
});

test("a study reached through a symlink runs nothing", async ({ rig }) => {
  await rig.build(file);
  const link = `${rig.folder}-link`;
  symlinkSync(rig.folder, link);
  rig.folder = link;
  expect((await rig.build(file)).steps).toEqual(all("reused"));
});

test("an edit with the same size and the old modification time is detected", async ({ rig }) => {
  await rig.build(file);
  const path = "experiments/data/answers.jsonl";
  rig.keepTimes(path, () => rig.edit(path, '{"id":"test-3","text":"unknown"}', '{"id":"test-3","text":"unkn0wn"}'));
  expect((await rig.build(file)).steps).toMatchObject({ data: "reused", "generate.zero_shot": "built" });
});

describe("an artifact", () => {
  test("that was edited is detected and built again, with the same run id", async ({ rig }) => {
    const first = await rig.build(file);
    const path = stored(rig, first, "generate.zero_shot", "responses.jsonl");
    const whole = rig.tree("artifacts/store/objects");
    rig.overwrite(path, "{}\n");
    expect(await rig.plan(file)).toMatchObject({ "generate.zero_shot": expect.stringContaining("responses.jsonl") });
    const second = await rig.build(file);
    expect(second.steps).toMatchObject({
      data: "reused",
      "generate.zero_shot": "built",
      "evaluate.zero_shot": "reused",
    });
    expect(second.manifest).toBe(first.manifest);
    expect(rig.tree("artifacts/store/objects")).toEqual(whole);
  });

  test("that was truncated and has its old times is detected and built again", async ({ rig }) => {
    const first = await rig.build(file);
    const path = stored(rig, first, "data", "train.jsonl");
    const { atime, mtime } = statSync(path);
    rig.overwrite(path, rig.read(path).slice(0, 10));
    utimesSync(path, atime, mtime);
    expect((await rig.build(file)).steps).toEqual(but("data"));
    expect(statSync(path).size).toBeGreaterThan(10);
  });

  test("that was edited and has its old size and times is detected and built again", async ({ rig }) => {
    const first = await rig.build(file);
    const path = stored(rig, first, "evaluate.zero_shot", "predictions.jsonl");
    rig.keepTimes(path, () => rig.overwrite(path, "x".repeat(statSync(path).size)));
    expect((await rig.build(file)).steps).toEqual(but("evaluate.zero_shot"));
  });

  test("that was deleted runs its own step again and no other", async ({ rig }) => {
    const first = await rig.build(file);
    rig.remove(`artifacts/store/objects/${rig.manifest(first.manifest).steps.data?.object}`);
    expect((await rig.build(file)).steps).toEqual(but("data"));
  });
});

test("after deleting artifacts/ the run has the same id", async ({ rig }) => {
  const first = await rig.build(file);
  rig.remove("artifacts");
  const second = await rig.build(file);
  expect(second.steps).toEqual(all("built"));
  expect(second.manifest).toBe(first.manifest);
});

test("--force runs a step again, and no later step if the output has the same bytes", async ({ rig }) => {
  await rig.build(file);
  expect((await rig.build(file, "--force", "data")).steps).toEqual(but("data"));
  expect((await rig.build(file)).steps).toEqual(all("reused"));
});

test("--until stops after the step and seals no run", async ({ rig }) => {
  const { steps: ended, manifest } = await rig.build(file, "--until", "generate.zero_shot");
  expect(ended).toEqual({ data: "built", "generate.zero_shot": "built" });
  expect(manifest).toBe("");
  expectFailure(await rig.exp("show", "study"), 2, "run-not-found");
  expect((await rig.build(file)).steps).toMatchObject({ data: "reused", "evaluate.zero_shot": "built" });
});

test("--set affects the run that it was given to and no later run", async ({ rig }) => {
  const first = await rig.build(file);
  const second = await rig.build(file, "--set", "data.labels.separator=;");
  expect(second.steps).toMatchObject({ data: "built", "evaluate.zero_shot": "built" });
  expect(second.manifest).not.toBe(first.manifest);
  expect((await rig.build(file)).steps).toEqual(all("reused"));
});

test("two experiments share their common steps", async ({ rig }) => {
  rig.write("experiments/other.yaml", rig.read(file).replace("name: study", "name: other"));
  const { code, events } = await rig.run(file, "experiments/other.yaml");
  expect(code).toBe(0);
  const ended = events.flatMap((event) => (event.type === "step-end" ? [event.step.split("@")[0]] : []));
  expect(ended.sort()).toEqual([...steps, "workbook"].sort());
  expect(events.filter(({ type }) => type === "run-end")).toHaveLength(2);
});

test("the points of a sweep share the steps that do not vary; each point is a run", async ({ rig }) => {
  rig.write(file, `${rig.read(file)}sweep: {grid: {data.targets.order: [alphabetical, frequency]}}\n`);
  const { steps: ended, events } = await rig.build(file);
  expect(Object.keys(ended).filter((step) => step.startsWith("data@"))).toHaveLength(2);
  const manifests = events.flatMap((event) =>
    event.type === "run-end" ? [rig.manifest(event.manifest as string)] : [],
  );
  expect(manifests.map(({ coordinates }) => coordinates).sort()).toEqual([
    "data.targets.order=alphabetical",
    "data.targets.order=frequency",
  ]);
  // The order of labels in training targets does not affect test rows: answers and scores are the same objects.
  expect(new Set(manifests.map(({ steps: of }) => of["evaluate.zero_shot"]?.object)).size).toBe(1);
});

describe("why names the first difference:", () => {
  const why = async (rig: Rig, step: string) => JSON.parse(await rig.output("why", "study", step, "--json"));

  test("no difference", async ({ rig }) => {
    await rig.build(file);
    expect(await why(rig, "data")).toMatchObject({ step: "data", status: "cached" });
  });

  test("a parameter, by its path and both values", async ({ rig }) => {
    await rig.build(file);
    rig.edit(file, '{separator: ","}', '{separator: ";"}');
    expect(await why(rig, "data")).toMatchObject({ status: "run", reason: 'parsing.separator: "," -> ";"' });
  });

  test("a data file, by the key that names it", async ({ rig }) => {
    await rig.build(file);
    rig.edit("experiments/data/train.csv", "row 5\n", "row five\n");
    expect(await why(rig, "data")).toMatchObject({
      status: "run",
      reason: expect.stringMatching(/^data\.train\.file /),
    });
  });

  test("an upstream step that would run again", async ({ rig }) => {
    await rig.build(file);
    rig.edit("experiments/data/answers.jsonl", '"unknown"}\n{"id":"test-1"', '"none"}\n{"id":"test-1"');
    expect(await why(rig, "evaluate.zero_shot")).toMatchObject({
      status: "depends",
      because: { step: "generate.zero_shot", reason: expect.stringMatching(/^generate\.file /) },
    });
  });

  test("an upstream file, after the upstream step has run", async ({ rig }) => {
    await rig.build(file);
    rig.edit("experiments/data/answers.jsonl", '"unknown"}\n{"id":"test-1"', '"none"}\n{"id":"test-1"');
    await rig.build(file, "--until", "generate.zero_shot");
    expect(await why(rig, "evaluate.zero_shot")).toMatchObject({
      status: "run",
      reason: expect.stringMatching(/\bresponses\b/),
    });
  });

  test("a step that was never built", async ({ rig }) => {
    await rig.build(file);
    rig.edit(file, "baselines: []", "baselines: [tfidf_svm]");
    expect(await why(rig, "generate.tfidf_svm")).toMatchObject({
      status: "run",
      reason: expect.stringMatching(/^never /),
    });
  });
});

test("a run keeps its files after later runs", async ({ rig }) => {
  const first = await rig.build(file);
  const folder = join(first.manifest, "..");
  const metrics = (path: string) => rig.readJson(join(path, "zero_shot/metrics.json"));
  const before = metrics(folder);
  rig.edit("experiments/data/answers.jsonl", '"unknown"}\n{"id":"test-1"', '"liver stone"}\n{"id":"test-1"');
  const second = await rig.build(file);
  expect(second.manifest).not.toBe(first.manifest);
  expect(metrics(folder)).toEqual(before);
  expect(metrics(join(second.manifest, ".."))).not.toEqual(before);
  expect((await rig.output("ls", "--json")).match(/"run":/g)).toHaveLength(2);
});
