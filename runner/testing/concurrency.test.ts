/** Several runs at once, and runs that are killed: each key is built once, and what exists is whole. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { faults, processesWith, type Rig, type RunEvents, seeded, test } from "./rig.ts";
import { table } from "./studies.ts";
import { expectTidy, expectWhole, outputs } from "./whole.ts";

const file = "experiments/study.yaml";

/** Turns the study into a sweep of four runs with 17 steps. */
function widen(rig: Rig): void {
  rig.write("experiments/data/train.csv", table("train-", 1_000, 1_000));
  rig.edit(file, "test.csv}\n", "test.csv}\n  accept: [duplicate-input]\n");
  rig.write(file, `${rig.read(file)}sweep: {grid: {data.train.limit: [100, 200, 300, 400]}}\n`);
}

const built = (runs: readonly RunEvents[]): readonly string[] =>
  runs.flatMap(({ steps }) => Object.entries(steps).flatMap(([step, status]) => (status === "built" ? [step] : [])));

test("eight runs started at once build each key once and all end well", async ({ rig }) => {
  widen(rig);
  const runs = await Promise.all(Array.from({ length: 8 }, () => rig.run(file)));
  for (const { code, stderr, steps } of runs) {
    expect([code, stderr]).toEqual([0, ""]);
    for (const status of Object.values(steps)) expect(["built", "reused"]).toContain(status);
  }
  const sealed = runs[0]?.events.flatMap((event) => (event.type === "run-end" ? [event.manifest as string] : [])) ?? [];
  const keys = sealed.flatMap((path) => Object.values(rig.manifest(path).steps).map(({ key }) => key));
  expect(sealed).toHaveLength(4);
  // Of the four points, each has its own rows to learn from; the answers to the test rows are the same key.
  expect(new Set(keys).size).toBe(4 + 1 + 4 + 4 + 4);
  expect(built(runs)).toHaveLength(new Set(keys).size);
  expect(new Set(runs.map(({ manifest }) => manifest)).size).toBe(1);
  expectWhole(rig);
  expectTidy(rig);
});

test("eight different experiments at once share what they have in common", async ({ rig }) => {
  const files = Array.from({ length: 8 }, (_, index) => {
    const path = `experiments/part-${index}.yaml`;
    rig.write(path, rig.read(file).replace("name: study", `name: part-${index}`));
    return path;
  });
  const runs = await Promise.all(files.map((path) => rig.built(path)));
  const shared = ["data", "generate.zero_shot", "evaluate.zero_shot", "analyse"];
  expect(
    built(runs)
      .filter((step) => step !== "workbook")
      .sort(),
  ).toEqual([...shared].sort());
  expect(JSON.parse(await rig.done("ls", "--json"))).toHaveLength(8);
});

test("a run and a gc at once do not hurt each other", async ({ rig }) => {
  widen(rig);
  let over = false;
  const collecting = (async () => {
    while (!over) expect(await rig.exp("gc")).toMatchObject({ code: 0, stderr: "" });
  })();
  for (let round = 0; round < 4; round++) {
    rig.edit("experiments/data/answers.jsonl", /(?<="test-0","text":")[^"]*/, `answer ${round}`);
    await rig.built(file);
  }
  over = true;
  await collecting;
  expectWhole(rig);
  expect(new Set(Object.values((await rig.built(file)).steps))).toEqual(new Set(["reused"]));
});

const quick = Math.ceil(faults * 0.8);

test(`killed at ${quick} random moments, a rerun finishes by itself and accepts nothing partial`, {
  timeout: 1_800_000,
}, async ({ rig }) => {
  widen(rig);
  const reference = rig.twin();
  const { manifest: expected } = await reference.built(file);
  const random = seeded(1);
  const took = await time(() => rig.built(file));
  for (let fault = 0; fault < quick; fault++) {
    if (random() < 0.5) rig.forget();
    else rig.edit(file, /\[\d+,/, `[${100 + fault},`);
    const run = rig.start(["run", file, "--json"]);
    await sleep(random() * took * 1.1);
    run.process.kill("SIGKILL");
    await run.ended;
    expectWhole(rig);
  }
  rig.edit(file, /\[\d+,/, "[100,");
  const { manifest } = await rig.built(file);
  expectWhole(rig);
  expectTidy(rig);
  for (const step of Object.keys(rig.manifest(manifest).steps)) {
    if (step === "workbook") continue;
    expect(outputs(rig, manifest, step), step).toEqual(outputs(reference, expected, step));
  }
});

const slow = faults - quick;

test(`killed at ${slow} random moments of a real training, no process survives and a rerun finishes`, async ({
  rig,
}) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  const tuned = "experiments/tuned.yaml";
  const random = seeded(3);
  for (let fault = 0; fault < slow; fault++) {
    if (random() < 0.2) rig.forget();
    const run = rig.start(["run", tuned, "--json"]);
    await Promise.race([sleep(random() * 20_000), run.ended]);
    run.process.kill("SIGKILL");
    await run.ended;
    await expectNobody(rig);
    expectWhole(rig);
  }
  const last = await rig.built(tuned);
  expectWhole(rig);
  expectTidy(rig);
  await rig.done("show", "tuned");
  expect(Object.keys(rig.manifest(last.manifest).arms).sort()).toEqual(["tfidf_svm", "tuned", "zero_shot"]);
}, 1_800_000);

test("a run that is killed while another waits for it: the other takes over at once", async ({ rig }) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  const args = ["run", "experiments/tuned.yaml", "--json", "--until", "train", "--set", "train.epochs=100"];
  const owner = rig.start(args);
  await owner.says(/"progress","step":"train"/);
  const waiter = rig.start(args);
  await waiter.says(/"step-start","step":"train"/);
  owner.process.kill("SIGKILL");
  const killed = performance.now();
  await waiter.says(/"progress","step":"train"/);
  expect(performance.now() - killed).toBeLessThan(60_000);
  waiter.process.kill("SIGINT");
  const { code } = await waiter.ended;
  expect(code).toBe(130);
  await expectNobody(rig);
});

/** Asserts that within 10 s no process is left that works for the study. */
async function expectNobody(rig: Rig): Promise<void> {
  const until = performance.now() + 10_000;
  while (processesWith(rig.path("artifacts")).length > 0 && performance.now() < until) await sleep(100);
  expect(processesWith(rig.path("artifacts"))).toEqual([]);
}

async function time(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}
