import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type { JobResources } from "../executor.ts";
import { largestArray, taskNumbers } from "./client.ts";
import { slurm } from "./index.ts";
import { slurmJobs } from "./job-system.ts";
import { optionsOf, scriptOf } from "./script.ts";

test.each([
  ["5", [5]],
  ["0-3,7%20", [0, 1, 2, 3, 7]],
  ["0-8:4", [0, 4, 8]],
  ["N/A", []],
])("reads the list of array tasks %s", (text, numbers) => {
  expect(taskNumbers(text)).toEqual(numbers);
});

test("reads the limits of a job from its environment variables", () => {
  const given = { SLURM_CPUS_ON_NODE: "3", SLURM_MEM_PER_NODE: "2048" };
  expect(slurm.limits?.(given)).toEqual({ cores: 3, memory: 2 ** 31 });
  expect(slurm.limits?.({ SLURM_MEM_PER_NODE: "0" })).toEqual({ cores: undefined, memory: undefined });
});

test("requests what a task needs; the executor's own keys override it", () => {
  const needs: JobResources = { computes: true, nodes: 2, gpus: 4, memory: 1e9, seconds: 5400, settings: {} };
  expect(optionsOf(needs).options).toEqual(
    expect.arrayContaining(["--time=90", "--mem=954M", "--gpus-per-node=4", "--nodes=2"]),
  );
  const settings = { gres: "gpu:a100:1", time: "2h", extra: ["--exclusive"], setup: ["module load x"], max_jobs: 3 };
  const { options, setup, maxJobs } = optionsOf({ ...needs, settings });
  expect(options).toEqual(expect.arrayContaining(["--time=120", "--gres=gpu:a100:1", "--exclusive"]));
  expect(options.join(" ")).not.toContain("--gpus-per-node");
  expect([setup, maxJobs]).toEqual([["module load x"], 3]);
  const extra = ["--gres=gpu:1", "--nodes=2", "--hold"];
  const report = optionsOf({ ...needs, computes: false, nodes: 1, settings: { extra } });
  expect(report.options.filter((option) => /--(gres|gpus|nodes|hold)/.test(option))).toEqual(["--nodes=1", "--hold"]);
});

test("the script of an array picks its task by index, and quotes words", () => {
  expect(scriptOf(["module load x"], ["/a b/node", "job"], ["0", "rung-2.1"])).toBe(`#!/bin/bash
module load x
tasks=(0 rung-2.1)
exec '/a b/node' job "\${tasks[SLURM_ARRAY_TASK_ID]}"
`);
  expect(scriptOf([], ["node"], ["last"])).toBe("#!/bin/bash\nexec node last\n");
});

test("arrays have at most the tasks of the cluster's MaxArraySize, and a % in the path of a log is no pattern", async () => {
  const folder = mkdtempSync(join(tmpdir(), "exp-slurm-"));
  const program = (name: string, body: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  program("scontrol", 'echo "MaxArraySize            = 3"');
  program("sbatch", `echo "$@" >> ${folder}/calls; echo 7`);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
  const logs = join(folder, "100%j");
  mkdirSync(logs);
  const resources: JobResources = { computes: false, nodes: 1, gpus: 0, memory: 1e9, seconds: 60, settings: {} };
  const tasks = ["0", "1", "2", "3", "4"].map((name) => ({ name, experiment: "x", resources }));
  const after = { jobs: [], success: false };
  const batch = { ...{ name: "runs", submission: "s", after, command: ["node"] }, cwd: folder, folder, logs, tasks };
  await slurmJobs.submit(batch, () => {});
  const calls = readFileSync(join(folder, "calls"), "utf8").trim().split("\n");
  expect(calls.map((call) => / --array=(\S+)/.exec(call)?.[1])).toEqual(["0-2", "0-1"]);
  expect(calls[0]).toContain(`--output=${folder}/100%%j/%A_%a.log`);
  program("scontrol", "exit 1");
  expect(await largestArray()).toBe(1001);
  vi.unstubAllEnvs();
});
