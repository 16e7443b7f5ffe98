/** The Slurm executor, on a real Slurm: what is submitted, what is the same as locally, and what survives. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { expectFailure, type Rig, seeded, test } from "./rig.ts";
import { Cluster, reach, slurmMissing, status } from "./slurm.ts";
import { answers, table } from "./studies.ts";
import { expectTidy, expectWhole, names } from "./whole.ts";

const missing = slurmMissing();
let cluster: Cluster;

/** A sweep of two runs whose answers are replayed: nothing in it needs Python. */
const sweep = "experiments/sweep.yaml";
const sweepRuns = ["sweep/data.targets.order=as_is", "sweep/data.targets.order=alphabetical"] as const;

function writeSweep(rig: Rig, slurm = ""): void {
  rig.write(
    sweep,
    `extends: study.yaml
name: sweep
baselines: [most_frequent, nearest]
report: {html: false}
sweep: {grid: {data.targets.order: [as_is, alphabetical]}}
resources: {gpus: 0, slurm: {${slurm}}}
`,
  );
}

/** An experiment whose answers come from a server that stops answering at the sixth case until it is told to go on. */
async function writeServed(rig: Rig, slurm = ""): Promise<{ readonly file: string; asked(): number; goOn(): void }> {
  let asked = 0;
  let silent = true;
  const server = createServer((request, response) => {
    request.resume();
    asked++;
    if (silent && asked > 5) return;
    response.end(
      JSON.stringify({ choices: [{ message: { content: "liver cyst" }, finish_reason: "stop" }], usage: {} }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  rig.atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const file = "experiments/served.yaml";
  rig.write(
    file,
    `name: served
data:
  train: {file: data/train.csv}
  test: {file: data/test.csv, limit: 8}
  columns: {id: id, input: text, target: labels}
model: {base: smollm2-135m}
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "http://127.0.0.1:${(server.address() as AddressInfo).port}/v1", concurrency: 1}
baselines: []
report: {xlsx: false}
resources: {gpus: 0, executor: slurm, slurm: {${slurm}}}
`,
  );
  return {
    file,
    asked: () => asked,
    goOn() {
      silent = false;
      server.closeAllConnections();
    },
  };
}

/** Waits until the server has been asked so often. */
async function isAsked(served: { asked(): number }, times: number): Promise<void> {
  await expect.poll(() => served.asked(), { timeout: 120_000, interval: 200 }).toBeGreaterThanOrEqual(times);
}

/** Keys of everything that a study has stored, and the names of its runs. */
const stored = (rig: Rig): readonly string[] => [...names(rig.path("artifacts/store/keys"))].sort();
const runs = (rig: Rig, experiment: string): readonly string[] =>
  [...names(rig.path(`artifacts/runs/${experiment}`))].sort();

describe.skipIf(missing !== undefined)(`a cluster${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  beforeAll(() => {
    cluster = new Cluster();
  });
  afterAll(() => cluster?.stop());

  test("a sweep gives the same keys and runs as here; what is edited after submission plays no part", async ({
    rig,
  }) => {
    cluster.use(rig);
    writeSweep(rig, `extra: ["--hold"]`);
    const local = rig.twin();
    const submitted = JSON.parse(await rig.done("run", sweep, "--executor", "slurm", "--json")) as {
      readonly jobs: readonly string[];
      readonly last: string;
    };
    expect(submitted).toMatchObject({ type: "submitted", missing: 2, live: 0, done: 0 });
    const waiting = await status(rig, "sweep");
    expect(Object.values(waiting).map(({ state }) => state)).toEqual(["queued", "queued", "queued"]);
    expect(await rig.done("run", sweep, "--executor", "slurm")).toBe("2 runs: 2 queued or running\n");

    const replayed = rig.read("experiments/data/answers.jsonl");
    const train = rig.read("experiments/data/train.csv");
    rig.write("experiments/data/answers.jsonl", replayed.replaceAll("cyst", "stone"));
    rig.write("experiments/data/train.csv", train.slice(0, train.length / 2));
    rig.edit("experiments/study.yaml", "baselines: []", "baselines: [most_frequent]");
    cluster.say("scontrol", "release", ...submitted.jobs, submitted.last);
    await reach(rig, ["done"], ...sweepRuns, "sweep (last)");

    rig.write("experiments/data/answers.jsonl", replayed);
    rig.write("experiments/data/train.csv", train);
    const here = await local.built(sweep);
    expect(Object.values(here.steps)).toContain("built");
    expect(stored(rig)).toEqual(stored(local));
    expect(runs(rig, "sweep")).toEqual(runs(local, "sweep"));
    for (const executor of ["local", "slurm"]) {
      const again = await rig.built(sweep, "--executor", executor);
      expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
    }
    expect(names(rig.path("artifacts/reports"))).toHaveLength(1);
    expect(await rig.done("logs", sweepRuns[0])).toMatch(/^run data\.targets\.order=as_is-[0-9a-f]{8} {2}done/m);
    expectWhole(rig);
    expectTidy(rig);
  });

  test("the last job of a sweep that chooses scores the winner on test, as here", async ({ rig }) => {
    cluster.use(rig);
    const good = `${answers("v", 12, 200)}${answers("test-", 9, 100)}`;
    rig.write("experiments/data/validation.csv", table("v", 12, 200));
    rig.write("experiments/data/a.jsonl", good.replaceAll(/"text":"[^"]*"/g, `"text":"unknown"`));
    rig.write("experiments/data/b.jsonl", good);
    rig.write(
      "experiments/chosen.yaml",
      `extends: study.yaml
name: chosen
data: {validation: {file: data/validation.csv}}
report: {html: false}
sweep: {grid: {generate.file: [data/a.jsonl, data/b.jsonl]}, select: {}}
`,
    );
    const local = rig.twin();
    await rig.done("run", "experiments/chosen.yaml", "--executor", "slurm");
    await reach(rig, ["done"], "chosen (last)");
    await local.built("experiments/chosen.yaml");
    expect(stored(rig)).toEqual(stored(local));
    expect(runs(rig, "chosen")).toEqual(runs(local, "chosen"));
    expect(runs(rig, "chosen")).toHaveLength(4);

    rig.remove("artifacts/runs");
    const again = await rig.built("experiments/chosen.yaml", "--executor", "slurm");
    expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
    expect(runs(rig, "chosen")).toEqual(runs(local, "chosen"));
  });

  test("a cancelled job can be gone on from: what was answered is not asked again", async ({ rig }) => {
    cluster.use(rig);
    const served = await writeServed(rig);
    await rig.done("run", served.file);
    await isAsked(served, 6);
    expect((await status(rig)).served).toMatchObject({ state: "running" });
    expect(await rig.done("cancel", "served")).toMatch(/^cancelled 1 job/);
    const { served: ended } = await reach(rig, ["interrupted"], "served");
    expect(ended?.detail).toBe("Slurm: cancelled");
    served.goOn();
    const before = served.asked();
    expect(await rig.done("run", served.file)).toMatch(/^1 run: 1 submitted$/m);
    await reach(rig, ["done"], "served");
    expect(served.asked() - before).toBe(3);
    expectWhole(rig);
  });

  test("a job that is asked to stop before its time is over goes back into the queue, and on", async ({ rig }) => {
    cluster.use(rig);
    const served = await writeServed(rig, `time: 1m`);
    await rig.done("run", served.file);
    await isAsked(served, 6);
    const { job } = (await status(rig)).served as { readonly job: string };
    expect(cluster.field(job, "TimeLimit")).toBe("00:01:00");
    await expect.poll(() => cluster.field(job, "Restarts"), { timeout: 120_000, interval: 500 }).toBe("1");
    served.goOn();
    const before = served.asked();
    await reach(rig, ["done"], "served");
    expect(served.asked() - before).toBeLessThanOrEqual(3);
    expect(await rig.done("logs", "served")).toMatch(/resumed|interrupted/);
  });

  test("a node that dies loses nothing: its job starts again elsewhere", async ({ rig }) => {
    cluster.use(rig);
    const served = await writeServed(rig);
    await rig.done("run", served.file);
    await isAsked(served, 6);
    const { job, node } = (await status(rig)).served as { readonly job: string; readonly node: string };
    cluster.killNode(node, job);
    served.goOn();
    const before = served.asked();
    const { served: ended } = await reach(rig, ["done"], "served");
    expect(ended?.node).not.toBe(node);
    expect(served.asked() - before).toBe(3);
    cluster.startNode(node);
    expectWhole(rig);
  });

  test("a job that is pushed out by a more urgent one starts again", async ({ rig }) => {
    cluster.use(rig);
    const served = await writeServed(rig, `extra: ["--nodelist=n2", "--exclusive"]`);
    await rig.done("run", served.file);
    await isAsked(served, 6);
    cluster.say("sbatch", "--partition=urgent", "--nodelist=n2", "--output=/dev/null", "--exclusive", "--wrap=sleep 1");
    const { job } = (await status(rig)).served as { readonly job: string };
    await expect.poll(() => cluster.field(job, "Restarts"), { timeout: 60_000, interval: 500 }).toBe("1");
    served.goOn();
    await reach(rig, ["done"], "served");
    expectWhole(rig);
  });

  test("a run that fails takes the last job with it, and only what is missing is submitted again", async ({ rig }) => {
    cluster.use(rig);
    writeSweep(rig);
    const replayed = rig.read("experiments/data/answers.jsonl");
    rig.write("experiments/data/answers.jsonl", replayed.split("\n").slice(1).join("\n"));
    await rig.done("run", sweep, "--executor", "slurm");
    const ended = await reach(rig, ["failed"], ...sweepRuns);
    expect(ended[sweepRuns[0]]?.detail).toMatch(/has no answer for 1 of 9 cases/);
    await reach(rig, ["lost"], "sweep (last)");
    expect((await status(rig))["sweep (last)"]?.detail).toBe("Slurm: cancelled");
    rig.write("experiments/data/answers.jsonl", replayed);
    expect(await rig.done("run", sweep, "--executor", "slurm")).toMatch(/^2 runs: 2 submitted$/m);
    await reach(rig, ["done"], ...sweepRuns, "sweep (last)");
  });

  test("a gc keeps what waiting jobs need, and drops what was frozen for them when they are gone", async ({ rig }) => {
    cluster.use(rig);
    writeSweep(rig, `extra: ["--hold"]`);
    await rig.built(sweep, "--until", "data");
    const open = "0".repeat(64);
    rig.write(`artifacts/work/${open}/checkpoint`, "x");
    await rig.done("run", sweep, "--executor", "slurm");
    const frozen = (): readonly string[] => names(rig.path("artifacts/slurm/snapshots"));
    const [submission = ""] = names(rig.path("artifacts/slurm")).filter((name) => /^\d{8}-/.test(name));
    rig.write(`artifacts/slurm/${submission}/keys/0`, `${open}\n`);
    const kept = { collected: [], submissions: [], frozen: [] };
    expect(JSON.parse(await rig.done("gc", "--work", "--json"))).toMatchObject(kept);
    expect([stored(rig).length, frozen().length]).toEqual([2, 1]);
    expect(names(rig.path("artifacts/work"))).toContain(open);

    await rig.done("cancel", "sweep");
    await reach(rig, ["lost"], ...sweepRuns);
    expect(await rig.done("gc", "--work")).toMatch(
      /^dropped 2 objects: .*\ndropped 1 work folder: .*\n(.*\n)?dropped 1 submitted snapshot: .*\n$/,
    );
    expect(frozen()).toEqual([]);
    expect(Object.values(await status(rig, "sweep"))).toHaveLength(3);
  });

  test("GPUs, memory and time are asked for as the experiment says", async ({ rig }) => {
    cluster.use(rig);
    writeSweep(rig, `partition: debug, max_jobs: 1, extra: ["--hold"], setup: ["export FROM_SETUP=1"]`);
    rig.edit(sweep, "gpus: 0", "gpus: 2, memory: 1GB, time: 90m");
    await rig.done("run", sweep, "--executor", "slurm");
    const lines = await status(rig);
    const { job } = lines[sweepRuns[0]] as { readonly job: string };
    const array = job.split("_")[0] as string;
    expect(cluster.field(array, "TresPerNode")).toBe("gres:gpu:2");
    expect(cluster.field(array, "TimeLimit")).toBe("01:30:00");
    expect(cluster.field(array, "MinMemoryNode")).toBe("954M");
    expect(cluster.field(array, "ArrayTaskThrottle")).toBe("1");
    expect(cluster.field(array, "Requeue")).toBe("1");
    const last = (lines["sweep (last)"] as { readonly job: string }).job;
    expect(cluster.field(last, "Dependency")).toContain(`afterok:${array}`);
    expect(cluster.field(last, "TresPerNode")).toBe("");
    expect(await rig.done("cancel", "sweep")).toMatch(/^cancelled 3 jobs/);
  });
});

/** A soak takes all of these faults; without one there are as many as the tests above have. */
describe.skipIf(missing !== undefined || process.env.EXP_SOAK !== "1")("a cluster in a soak", () => {
  test("20 nodes killed and the controller 3 times: nothing is lost, and everything is as here", async ({ rig }) => {
    const own = new Cluster();
    rig.atEnd(() => own.stop());
    own.use(rig);
    let delay = 1_500;
    const server = createServer((request, response) => {
      request.resume();
      const text = JSON.stringify({
        choices: [{ message: { content: "liver cyst" }, finish_reason: "stop" }],
        usage: {},
      });
      setTimeout(() => response.end(text), delay);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    rig.atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    const file = "experiments/soak.yaml";
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    rig.write(
      file,
      `extends: study.yaml
name: soak
prompt: {template: prompts/ask.hbs}
generate: {engine: openai, base_url: "${url}", concurrency: 1}
baselines: [most_frequent, nearest]
report: {html: false}
resources: {gpus: 0, slurm: {extra: ["--exclusive"]}}
sweep: {grid: {generate.max_new_tokens: [8, 16, 24, 32]}}
`,
    );
    const local = rig.twin();
    const random = seeded(7);
    const nodes = ["n1", "n2", "n3"] as const;
    const submit = (): Promise<string> => rig.done("run", file, "--executor", "slurm");
    await submit();
    let controller = 0;
    for (let kills = 0; kills < 20; kills++) {
      await sleep(500 + random() * 3_000);
      const node = nodes[Math.floor(random() * nodes.length)] as string;
      const hit = Object.values(await status(rig)).filter((task) => task.state === "running" && task.node === node);
      own.killNode(node, ...hit.map(({ job }) => job));
      await sleep(500);
      if (kills % 7 === 3) {
        controller++;
        own.killController();
        expectFailure(await rig.exp("run", file, "--executor", "slurm"), 1, /slurm-silent/);
        own.startController();
        await expect.poll(() => own.isUp(), { timeout: 60_000, interval: 500 }).toBe(true);
      }
      own.startNode(node);
      if (kills % 5 === 4) await submit();
    }
    expect(controller).toBe(3);
    delay = 0;
    await expect
      .poll(
        async () => {
          const states = Object.values(await status(rig)).map(({ state }) => state);
          if (states.some((state) => state === "lost" || state === "failed" || state === "interrupted")) await submit();
          return states.every((state) => state === "done");
        },
        { timeout: 280_000, interval: 3_000 },
      )
      .toBe(true);
    await local.built(file);
    expect(stored(rig)).toEqual(stored(local));
    expect(runs(rig, "soak")).toEqual(runs(local, "soak"));
    expectWhole(rig);
  }, 900_000);

  test("with accounting, a job that the controller has forgotten is told of by sacct", async ({ rig }) => {
    const own = new Cluster(true);
    rig.atEnd(() => own.stop());
    own.use(rig);
    const served = await writeServed(rig);
    await rig.done("run", served.file);
    await isAsked(served, 6);
    const { job } = (await status(rig)).served as { readonly job: string };
    await rig.done("cancel", "served");
    await expect
      .poll(() => own.knows(job), { timeout: 200_000, interval: 2_000, message: "the controller forgets" })
      .toBe(false);
    expect((await status(rig)).served).toMatchObject({ state: "interrupted", detail: "Slurm: cancelled" });
  }, 400_000);

  test("a real training is the same as here, and goes on from its checkpoint after it was stopped", async ({ rig }) => {
    const own = new Cluster();
    rig.atEnd(() => own.stop());
    own.use(rig);
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const local = rig.twin();
    const args = ["run", "experiments/tuned.yaml", "--set", "train.epochs=4"];
    await rig.done(...args, "--executor", "slurm");
    const { tuned } = await reach(rig, ["running"], "tuned");
    const job = tuned?.job as string;
    const trained = async (): Promise<boolean> =>
      /train {2}.*[1-9]\d*\/24/.test((await rig.exp("logs", "tuned")).stdout);
    await expect.poll(trained, { timeout: 200_000, interval: 1_000 }).toBe(true);
    own.say("scancel", "--signal=TERM", "--batch", job);
    await reach(rig, ["done"], "tuned");
    expect(await rig.done("logs", "tuned")).toContain("it is in the queue again");
    await local.built("experiments/tuned.yaml", "--set", "train.epochs=4");
    expect(stored(rig)).toEqual(stored(local));
    const again = await rig.built("experiments/tuned.yaml", "--set", "train.epochs=4", "--executor", "slurm");
    expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
  }, 900_000);
});

test("without Slurm, a submission is one clear error and leaves nothing", async ({ rig }) => {
  rig.env = { ...rig.env, PATH: "/nowhere" };
  expectFailure(
    await rig.exp("run", "experiments/study.yaml", "--executor", "slurm"),
    1,
    /there is no squeue.*\[slurm-missing\]/,
  );
  expect(names(rig.path("artifacts/slurm"))).toEqual([]);
  expect(await rig.done("status")).toMatch(/Nothing was given to Slurm yet/);
  expectFailure(await rig.exp("logs", "study"), 2, /nothing was given to Slurm yet/);
  expectFailure(await rig.exp("run", "experiments/study.yaml", "--executor", "mars"), 2, /local or slurm, not "mars"/);
  const forced = ["run", "experiments/study.yaml", "--executor", "slurm", "--force", "data"];
  expectFailure(await rig.exp(...forced), 2, /--force goes with --executor local/);
});
