/** The Slurm executor on a real Slurm: submitted jobs, equality with local runs, and recovery from failures. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { namesIn } from "../util/names-in.ts";
import { expectFailure } from "./command.ts";
import { test } from "./rig.ts";
import { addSimulatedTraining } from "./simulated-training.ts";
import { Cluster, reach, slurmMissing, status } from "./slurm.ts";
import { runs, stored, sweep, sweepRuns, training, untilRequests, writeServed, writeSweep } from "./slurm-studies.ts";
import { expectIntactStore, expectNoLeftovers } from "./store-checks.ts";
import { answers, table } from "./studies.ts";

const missing = slurmMissing();
let cluster: Cluster;

describe.skipIf(missing !== undefined)(`a cluster${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  beforeAll(() => {
    cluster = new Cluster();
  });
  afterAll(() => cluster?.stop());

  test("a sweep gives the keys and runs of a local run; edits after the submission have no effect", async ({ rig }) => {
    cluster.use(rig);
    writeSweep(rig, `extra: ["--hold"]`);
    const local = rig.copy();
    const submitted = JSON.parse(await rig.output("run", sweep, "--executor", "slurm", "--json")) as {
      readonly jobs: readonly string[];
      readonly last: string;
    };
    expect(submitted).toMatchObject({ type: "submitted", missing: 2, live: 0, done: 0 });
    const waiting = await status(rig, "sweep");
    expect(Object.values(waiting).map(({ state }) => state)).toEqual(["queued", "queued", "queued"]);
    expect(await rig.output("run", sweep, "--executor", "slurm")).toBe("2 runs: 2 queued or running\n");

    const replayed = rig.read("experiments/data/answers.jsonl");
    const train = rig.read("experiments/data/train.csv");
    rig.write("experiments/data/answers.jsonl", replayed.replaceAll("cyst", "stone"));
    rig.write("experiments/data/train.csv", train.slice(0, train.length / 2));
    rig.edit("experiments/study.yaml", "baselines: []", "baselines: [most_frequent]");
    const followed = rig.start(["logs", "-f", "sweep"]);
    await sleep(1_000);
    cluster.run("scontrol", "release", ...submitted.jobs, submitted.last);
    await reach(rig, ["done"], ...sweepRuns, "sweep (last)");
    const { stdout: lines } = await followed.ended;
    for (const order of ["as_is", "alphabetical"]) {
      expect(lines).toMatch(
        new RegExp(`^data.targets.order=${order} +\\| run data.targets.order=${order}-\\w+ {2}done`, "m"),
      );
    }

    rig.write("experiments/data/answers.jsonl", replayed);
    rig.write("experiments/data/train.csv", train);
    const here = await local.build(sweep);
    expect(Object.values(here.steps)).toContain("built");
    expect(stored(rig)).toEqual(stored(local));
    expect(runs(rig, "sweep")).toEqual(runs(local, "sweep"));
    for (const executor of ["local", "slurm"]) {
      const again = await rig.build(sweep, "--executor", executor);
      expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
    }
    expect(namesIn(rig.path("artifacts/reports"))).toHaveLength(1);
    expect(await rig.output("logs", sweepRuns[0])).toMatch(/^run data\.targets\.order=as_is-[0-9a-f]{8} {2}done/m);
    expectIntactStore(rig);
    expectNoLeftovers(rig);
  });

  test("the last job of a sweep with select scores the winner on test, as a local run does", async ({ rig }) => {
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
    const local = rig.copy();
    await rig.output("run", "experiments/chosen.yaml", "--executor", "slurm");
    await reach(rig, ["done"], "chosen (last)");
    await local.build("experiments/chosen.yaml");
    expect(stored(rig)).toEqual(stored(local));
    expect(runs(rig, "chosen")).toEqual(runs(local, "chosen"));
    expect(runs(rig, "chosen")).toHaveLength(4);

    rig.remove("artifacts/runs");
    const again = await rig.build("experiments/chosen.yaml", "--executor", "slurm");
    expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
    expect(runs(rig, "chosen")).toEqual(runs(local, "chosen"));
  });

  test("each rung of a halving sweep is an array that depends on the previous one; results equal a local run", async ({
    rig,
  }) => {
    cluster.use(rig);
    const file = addSimulatedTraining(
      rig,
      "sweep: {strategy: halving, grid: {train.rank: [3, 4, 5, 6]}, repeat: {train.seed: [1, 2]}, select: {}}\n",
    );
    await rig.build(file);
    const here = [stored(rig), runs(rig, "simulated")];
    rig.remove("artifacts");
    const slurm = ["--executor", "slurm"];
    const lines = (await rig.output("run", file, ...slurm, "--json")).trim().split("\n");
    const submitted = JSON.parse(lines.at(-1) as string) as { readonly jobs: readonly string[] };
    // 4 settings, 2 of them, 1 of them; two seeds each.
    const rungs = ["(rung 2, run 1)", "(rung 2, run 4)", "(rung 3, run 1)", "(rung 3, run 2)"];
    expect(submitted.jobs).toHaveLength(3);
    const names = [...rungs, "(last)"].map((name) => `simulated ${name}`);
    const ended = await reach(rig, ["done"], ...names);
    expect(Object.keys(ended)).toHaveLength(8 + 4 + 2 + 1);

    expect([stored(rig), runs(rig, "simulated")]).toEqual(here);
    const again = await rig.build(file, ...slurm);
    expect(new Set(Object.values(again.steps))).toEqual(new Set(["reused"]));
    // Where each training was carried out: none by the last job.
    const builtBy = (name: string): string =>
      Object.keys(ended)
        .filter((run) => run.includes(name))
        .map((run) => readFileSync(ended[run]?.log as string, "utf8"))
        .join("\n");
    expect(builtBy("rung 2").match(/^train\S* +built/gm)).toHaveLength(4);
    expect(builtBy("rung 3").match(/^train\S* +built/gm)).toHaveLength(2);
    expect(builtBy("(last)").match(/^train\S* +built/gm)).toBeNull();
    expectIntactStore(rig);
  });

  test("a new submission resumes a cancelled job: no answer is requested twice", async ({ rig }) => {
    cluster.use(rig);
    const served = await writeServed(rig);
    await rig.output("run", served.file);
    await untilRequests(served, 6);
    expect((await status(rig)).served).toMatchObject({ state: "running" });
    await rig.output("cancel", "served");
    const { served: ended } = await reach(rig, ["interrupted"], "served");
    expect(ended?.detail).toBe("Slurm: cancelled");
    served.respond();
    const before = served.requests();
    expect(await rig.output("run", served.file)).toMatch(/^1 run: 1 submitted$/m);
    await reach(rig, ["done"], "served");
    expect(served.requests() - before).toBe(3);
    expectIntactStore(rig);
  });

  test("a job that is stopped before its time limit is requeued and resumes", async ({ rig }) => {
    cluster.use(rig);
    const served = await writeServed(rig, `time: 1m`);
    await rig.output("run", served.file);
    await untilRequests(served, 6);
    const { job } = (await status(rig)).served as { readonly job: string };
    expect(cluster.field(job, "TimeLimit")).toBe("00:01:00");
    await expect.poll(() => cluster.field(job, "Restarts"), { timeout: 120_000, interval: 500 }).toBe("1");
    served.respond();
    const before = served.requests();
    await reach(rig, ["done"], "served");
    expect(served.requests() - before).toBeLessThanOrEqual(3);
    expect(await rig.output("logs", "served")).toMatch(/resumed|interrupted/);
  });

  test("the job of a failed node resumes on another node", async ({ rig }) => {
    cluster.use(rig);
    const served = await writeServed(rig);
    await rig.output("run", served.file);
    await untilRequests(served, 6);
    const { job, node } = (await status(rig)).served as { readonly job: string; readonly node: string };
    cluster.killNode(node, job);
    served.respond();
    const before = served.requests();
    const { served: ended } = await reach(rig, ["done"], "served");
    expect(ended?.node).not.toBe(node);
    expect(served.requests() - before).toBe(3);
    cluster.startNode(node);
    expectIntactStore(rig);
  });

  test("a preempted job starts again", async ({ rig }) => {
    cluster.use(rig);
    const served = await writeServed(rig, `extra: ["--nodelist=n2", "--exclusive"]`);
    await rig.output("run", served.file);
    await untilRequests(served, 6);
    cluster.run("sbatch", "--partition=urgent", "--nodelist=n2", "--output=/dev/null", "--exclusive", "--wrap=sleep 1");
    const { job } = (await status(rig)).served as { readonly job: string };
    await expect.poll(() => cluster.field(job, "Restarts"), { timeout: 60_000, interval: 500 }).toBe("1");
    served.respond();
    await reach(rig, ["done"], "served");
    expectIntactStore(rig);
  });

  test("a failed run cancels the last job; the next submission contains the missing runs only", async ({ rig }) => {
    cluster.use(rig);
    writeSweep(rig);
    const replayed = rig.read("experiments/data/answers.jsonl");
    rig.write("experiments/data/answers.jsonl", replayed.split("\n").slice(1).join("\n"));
    await rig.output("run", sweep, "--executor", "slurm");
    const ended = await reach(rig, ["failed"], ...sweepRuns);
    expect(ended[sweepRuns[0]]?.detail).toMatch(/\b1 of 9\b/);
    await reach(rig, ["cancelled"], "sweep (last)");
    rig.write("experiments/data/answers.jsonl", replayed);
    expect(await rig.output("run", sweep, "--executor", "slurm")).toMatch(/^2 runs: 2 submitted$/m);
    await reach(rig, ["done"], ...sweepRuns, "sweep (last)");
  });

  test("gc keeps what queued jobs need, and deletes their snapshots after they have ended", async ({ rig }) => {
    cluster.use(rig);
    writeSweep(rig, `extra: ["--hold"]`);
    await rig.build(sweep, "--until", "data");
    const open = "0".repeat(64);
    rig.write(`artifacts/work/${open}/checkpoint`, "x");
    await rig.output("run", sweep, "--executor", "slurm");
    const frozen = (): readonly string[] => namesIn(rig.path("artifacts/jobs/snapshots"));
    const [submission = ""] = namesIn(rig.path("artifacts/jobs")).filter((name) => /^\d{8}-/.test(name));
    rig.write(`artifacts/jobs/${submission}/keys/0`, `${open}\n`);
    const kept = { collected: [], submissions: [], copies: [] };
    expect(await rig.json("gc", "--work")).toMatchObject(kept);
    expect([stored(rig).length, frozen().length]).toEqual([2, 1]);
    expect(namesIn(rig.path("artifacts/work"))).toContain(open);

    await rig.output("cancel", "sweep");
    await reach(rig, ["cancelled"], ...sweepRuns);
    expect(await rig.output("gc", "--work")).toMatch(
      /^deleted 2 objects: .*\ndeleted 1 work folder: .*\n(.*\n)?deleted 1 submitted snapshot: .*\n$/,
    );
    expect(frozen()).toEqual([]);
    expect(Object.values(await status(rig, "sweep"))).toHaveLength(3);
  });

  test("a training on two nodes", async ({ rig }) => {
    cluster.use(rig);
    rig.usePython();
    rig.addTinyModel("qwen3", "models/tiny");
    const several = ["--set", "resources.slurm.nodes=2", "--set", "train.gradient_accumulation=2"];
    const short = ["--until", "train", "--set", "train.max_steps=2"];
    await rig.output("run", "experiments/tuned.yaml", "--executor", "slurm", ...several, ...short);
    await reach(rig, ["done", "failed"], "tuned");
    const { evidence, loss } = training(rig);
    expect(evidence).toMatchObject({ processes: 2, nodes: 2 });
    expect(loss).toHaveLength(2);
  });

  test("a job requests the GPUs, memory and time of the experiment", async ({ rig }) => {
    cluster.use(rig);
    writeSweep(rig, `partition: debug, max_jobs: 1, extra: ["--hold"], setup: ["export FROM_SETUP=1"]`);
    rig.edit(sweep, "gpus: 0", "gpus: 2, memory: 1GB, time: 90m");
    await rig.output("run", sweep, "--executor", "slurm");
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
    expect(await rig.output("cancel", "sweep")).toMatch(/\b3 jobs\b/);
  });
});

test("without Slurm, a submission is one error and writes nothing", async ({ rig }) => {
  rig.env = { ...rig.env, PATH: "/nowhere" };
  expectFailure(
    await rig.exp("run", "experiments/study.yaml", "--executor", "slurm"),
    1,
    "slurm-missing",
    /there is no squeue/,
  );
  expect(namesIn(rig.path("artifacts/jobs"))).toEqual([]);
  expect(await rig.json("status")).toEqual([]);
  expectFailure(await rig.exp("logs", "study"), 2, "run-not-found");
  expectFailure(await rig.exp("run", "experiments/study.yaml", "--executor", "mars"), 2, "bad-option", "mars");
  const forced = ["run", "experiments/study.yaml", "--executor", "slurm", "--force", "data"];
  expectFailure(await rig.exp(...forced), 2, "bad-option", "--force");
});
