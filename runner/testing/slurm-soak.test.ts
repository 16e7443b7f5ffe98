/** Soak tests of the Slurm executor on a real Slurm: real trainings and many faults. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect } from "vitest";
import type { StoreRecord } from "../pipeline/plan/record.ts";
import { namesIn } from "../util/names-in.ts";
import { completion, startServer } from "./chat-server.ts";
import { expectFailure } from "./command.ts";
import { seeded } from "./faults.ts";
import { type Rig, test } from "./rig.ts";
import { Cluster, reach, slurmMissing, status } from "./slurm.ts";
import { runs, stored, training, untilRequests, writeServed } from "./slurm-studies.ts";
import { expectIntactStore } from "./store-checks.ts";

const missing = slurmMissing();
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Starts a cluster for one test. */
function clusterFor(rig: Rig, accounting = false): Cluster {
  const own = new Cluster(accounting);
  rig.onClose(() => own.stop());
  own.use(rig);
  return own;
}

describe.skipIf(missing !== undefined || process.env.EXP_SOAK !== "1")("a cluster", () => {
  test("after 20 failed nodes and 3 failed controllers the results equal those of a local run", async ({ rig }) => {
    const own = clusterFor(rig);
    let delay = 1_500;
    const server = await startServer(rig, (request, response) => {
      request.resume();
      setTimeout(() => response.end(completion("liver cyst")), delay);
    });
    const file = "experiments/soak.yaml";
    const url = `http://127.0.0.1:${server.port}/v1`;
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
    const local = rig.copy();
    const random = seeded(7);
    const nodes = ["n1", "n2", "n3"] as const;
    const submit = (): Promise<string> => rig.output("run", file, "--executor", "slurm");
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
        expectFailure(await rig.exp("run", file, "--executor", "slurm"), 1, "slurm-silent");
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
          if (states.some((state) => ["lost", "failed", "interrupted", "cancelled"].includes(state))) await submit();
          return states.every((state) => state === "done");
        },
        { timeout: 280_000, interval: 3_000 },
      )
      .toBe(true);
    await local.build(file);
    expect(stored(rig)).toEqual(stored(local));
    expect(runs(rig, "soak")).toEqual(runs(local, "soak"));
    expectIntactStore(rig);
  }, 900_000);

  test("with accounting, exp status reads a job that the controller no longer has from sacct", async ({ rig }) => {
    const own = clusterFor(rig, true);
    const served = await writeServed(rig);
    await rig.output("run", served.file);
    await untilRequests(served, 6);
    const { job } = (await status(rig)).served as { readonly job: string };
    await rig.output("cancel", "served");
    await expect
      .poll(() => own.hasJob(job), { timeout: 200_000, interval: 2_000, message: "the controller forgets" })
      .toBe(false);
    expect((await status(rig)).served).toMatchObject({ state: "interrupted", detail: "Slurm: cancelled" });
  }, 400_000);

  test("a training that is stopped resumes from its checkpoint and equals a local training", async ({ rig }) => {
    const own = clusterFor(rig);
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const local = rig.copy();
    const args = ["run", "experiments/tuned.yaml", "--set", "train.epochs=4"];
    await rig.output(...args, "--executor", "slurm");
    const { tuned } = await reach(rig, ["running"], "tuned");
    const job = tuned?.job as string;
    const trained = async (): Promise<boolean> =>
      /train {2}.*[1-9]\d*\/24/.test((await rig.exp("logs", "tuned")).stdout);
    await expect.poll(trained, { timeout: 200_000, interval: 1_000 }).toBe(true);
    own.run("scancel", "--signal=TERM", "--batch", job);
    await isDone(rig, "tuned");
    expect(await rig.output("logs", "tuned")).toContain("it is in the queue again");
    await local.build("experiments/tuned.yaml", "--set", "train.epochs=4");
    expect(stored(rig)).toEqual(stored(local));
    const again = await rig.build("experiments/tuned.yaml", "--set", "train.epochs=4", "--executor", "slurm");
    expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
  }, 900_000);

  test("a training on three nodes equals one on one node", async ({ rig }) => {
    const own = clusterFor(rig);
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const local = rig.copy();
    const set = ["--set", "train.epochs=4", "--set", "train.gradient_accumulation=3"];
    const args = ["run", "experiments/tuned.yaml", "--until", "train", ...set];
    await rig.output(...args, "--executor", "slurm", "--set", "resources.slurm.nodes=3");
    const job = (await status(rig)).tuned?.job as string;
    expect(own.field(job, "NumNodes")).toMatch(/^3/);
    await isDone(rig, "tuned");
    await local.output(...args);
    expect(stored(rig)).toEqual(stored(local));
    const [several, one] = [training(rig), training(local)];
    expect(several.evidence).toMatchObject({ processes: 3, nodes: 3 });
    expect(several.loss).toHaveLength(8);
    for (const [at, { loss }] of several.loss.entries()) expect(loss).toBeCloseTo(one.loss[at]?.loss as number, 2);
  }, 1_800_000);

  test("sweep-cpu, 12 trainings: a local run and a cluster run have the same keys", async ({ rig }) => {
    clusterFor(rig);
    rig.usePython();
    for (const folder of ["experiments", "prompts"])
      cpSync(join(repository, folder), rig.path(folder), { recursive: true });
    const file = "experiments/sweep-cpu.yaml";
    const local = rig.copy();
    const allReused = async (where: Rig, ...args: readonly string[]): Promise<void> => {
      const { steps } = await where.build(file, ...args);
      expect(new Set(Object.values(steps))).toEqual(new Set(["reused"]));
    };
    await local.build(file);
    await allReused(local, "--executor", "slurm");
    expect(namesIn(local.path("artifacts/jobs"))).toEqual([]);

    expect(await rig.output("run", file, "--executor", "slurm")).toMatch(/^12 runs: 12 submitted$/m);
    await isDone(rig, "sweep-cpu (last)");
    await allReused(rig);
    await allReused(rig, "--executor", "slurm");
    expect(trainings(rig)).toEqual(trainings(local));
    expect(trainings(rig)).toHaveLength(12);
    expect(namesIn(rig.path("artifacts/reports"))).toHaveLength(1);
    expectIntactStore(rig);
  }, 5_400_000);
});

/** Waits up to 50 minutes for a job. */
async function isDone(rig: Rig, run: string): Promise<void> {
  const state = async (): Promise<string> => (await status(rig))[run]?.state ?? "";
  await expect.poll(state, { timeout: 3_000_000, interval: 5_000 }).toMatch(/done|failed|cancelled|interrupted|lost/);
  expect((await status(rig))[run], (await rig.exp("logs", run)).stdout).toMatchObject({ state: "done" });
}

/** Keys of the trainings of a study. */
function trainings(rig: Rig): readonly string[] {
  const records = stored(rig).map((name) => rig.readJson(`artifacts/store/keys/${name}`) as StoreRecord);
  return records.filter(({ ingredients }) => ingredients.kind === "train").map(({ key }) => key);
}
