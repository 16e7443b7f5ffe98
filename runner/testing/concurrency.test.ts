/** Concurrent runs and killed runs: each key is built once, and the store is intact. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { RunEvents } from "./command.ts";
import { faults, processesWith, seeded } from "./faults.ts";
import { type Rig, test } from "./rig.ts";
import { expectIntactStore, expectNoLeftovers, outputs } from "./store-checks.ts";
import { table } from "./studies.ts";

const file = "experiments/study.yaml";

/** Turns the study into a sweep of four runs with 17 steps. */
function widen(rig: Rig): void {
  rig.write("experiments/data/train.csv", table("train-", 1_000, 1_000));
  rig.edit(file, "test.csv}\n", "test.csv}\n  accept: [duplicate-input]\n");
  rig.write(file, `${rig.read(file)}sweep: {grid: {data.train.limit: [100, 200, 300, 400]}}\n`);
}

const built = (runs: readonly RunEvents[]): readonly string[] =>
  runs.flatMap(({ steps }) => Object.entries(steps).flatMap(([step, status]) => (status === "built" ? [step] : [])));

test("eight concurrent runs build each key once and all succeed", async ({ rig }) => {
  widen(rig);
  const runs = await Promise.all(Array.from({ length: 8 }, () => rig.run(file)));
  for (const { code, stderr, steps } of runs) {
    expect([code, stderr]).toEqual([0, ""]);
    for (const status of Object.values(steps)) expect(["built", "reused"]).toContain(status);
  }
  const sealed = runs[0]?.events.flatMap((event) => (event.type === "run-end" ? [event.manifest as string] : [])) ?? [];
  const keys = sealed.flatMap((path) => Object.values(rig.manifest(path).steps).map(({ key }) => key));
  expect(sealed).toHaveLength(4);
  // The four points have different training rows, and the same answers to the test rows.
  expect(new Set(keys).size).toBe(4 + 1 + 4 + 4 + 4);
  expect(built(runs)).toHaveLength(new Set(keys).size);
  expect(new Set(runs.map(({ manifest }) => manifest)).size).toBe(1);
  expectIntactStore(rig);
  expectNoLeftovers(rig);
});

test("eight concurrent experiments share their common steps", async ({ rig }) => {
  const files = Array.from({ length: 8 }, (_, index) => {
    const path = `experiments/part-${index}.yaml`;
    rig.write(path, rig.read(file).replace("name: study", `name: part-${index}`));
    return path;
  });
  const runs = await Promise.all(files.map((path) => rig.build(path)));
  const shared = ["data", "generate.zero_shot", "evaluate.zero_shot", "analyse"];
  expect(
    built(runs)
      .filter((step) => step !== "workbook")
      .sort(),
  ).toEqual([...shared].sort());
  expect(await rig.json("ls")).toHaveLength(8);
});

test("a run and gc can work at the same time", async ({ rig }) => {
  widen(rig);
  let isFinished = false;
  const collecting = (async () => {
    while (!isFinished) expect(await rig.exp("gc")).toMatchObject({ code: 0, stderr: "" });
  })();
  for (let round = 0; round < 4; round++) {
    rig.edit("experiments/data/answers.jsonl", /(?<="test-0","text":")[^"]*/, `answer ${round}`);
    await rig.build(file);
  }
  isFinished = true;
  await collecting;
  expectIntactStore(rig);
  expect(new Set(Object.values((await rig.build(file)).steps))).toEqual(new Set(["reused"]));
});

const quick = Math.ceil(faults * 0.8);

test(`killed at ${quick} random moments, the next run finishes and uses no partial result`, {
  timeout: 1_800_000,
}, async ({ rig }) => {
  widen(rig);
  const reference = rig.copy();
  const { manifest: expected } = await reference.build(file);
  const random = seeded(1);
  const took = await time(() => rig.build(file));
  for (let fault = 0; fault < quick; fault++) {
    if (random() < 0.5) rig.removeArtifacts();
    else rig.edit(file, /\[\d+,/, `[${100 + fault},`);
    const run = rig.start(["run", file, "--json"]);
    await sleep(random() * took * 1.1);
    run.process.kill("SIGKILL");
    await run.ended;
    expectIntactStore(rig);
  }
  rig.edit(file, /\[\d+,/, "[100,");
  const { manifest } = await rig.build(file);
  expectIntactStore(rig);
  expectNoLeftovers(rig);
  for (const step of Object.keys(rig.manifest(manifest).steps)) {
    if (step === "workbook") continue;
    expect(outputs(rig, manifest, step), step).toEqual(outputs(reference, expected, step));
  }
});

const slow = faults - quick;

test(`killed at ${slow} random moments of a real training, no process remains and the next run finishes`, async ({
  rig,
}) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  const tuned = "experiments/tuned.yaml";
  const random = seeded(3);
  for (let fault = 0; fault < slow; fault++) {
    if (random() < 0.2) rig.removeArtifacts();
    const run = rig.start(["run", tuned, "--json"]);
    await Promise.race([sleep(random() * 20_000), run.ended]);
    run.process.kill("SIGKILL");
    await run.ended;
    await expectNoProcesses(rig);
    expectIntactStore(rig);
  }
  const last = await rig.build(tuned);
  expectIntactStore(rig);
  expectNoLeftovers(rig);
  await rig.output("show", "tuned");
  expect(Object.keys(rig.manifest(last.manifest).arms).sort()).toEqual(["tfidf_svm", "tuned", "zero_shot"]);
}, 1_800_000);

test("a run that waits for a killed run takes over its step", async ({ rig }) => {
  rig.usePython();
  rig.addTinyModel("qwen3", "models/tiny");
  const args = ["run", "experiments/tuned.yaml", "--json", "--until", "train", "--set", "train.epochs=100"];
  const owner = rig.start(args);
  await owner.waitFor(/"progress","step":"train"/);
  const waiter = rig.start(args);
  await waiter.waitFor(/"step-wait","step":"train","kind":"train","for":"another process/);
  owner.process.kill("SIGKILL");
  const killed = performance.now();
  await waiter.waitFor(/"progress","step":"train"/);
  expect(performance.now() - killed).toBeLessThan(60_000);
  waiter.process.kill("SIGINT");
  const { code } = await waiter.ended;
  expect(code).toBe(130);
  await expectNoProcesses(rig);
});

/** Asserts that within 10 s no process of the study remains. */
async function expectNoProcesses(rig: Rig): Promise<void> {
  const until = performance.now() + 10_000;
  while (processesWith(rig.path("artifacts")).length > 0 && performance.now() < until) await sleep(100);
  expect(processesWith(rig.path("artifacts"))).toEqual([]);
}

async function time(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}
