import { duration } from "../../../config/sections/scalars.ts";
import type { Executor } from "../executor.ts";

/** Submits each run of a sweep as a Slurm job. */
export const slurm: Executor = {
  name: "slurm",
  description: "as jobs of a Slurm cluster",
  schema: {
    type: "object",
    additionalProperties: false,
    properties: {
      partition: { type: "string", minLength: 1, description: "Partition of the cluster.", examples: ["gpu"] },
      account: { type: "string", minLength: 1, description: "Account that is charged.", examples: ["my-project"] },
      qos: { type: "string", minLength: 1, description: "Quality of service.", examples: ["long"] },
      nodes: {
        type: "integer",
        minimum: 1,
        default: 1,
        description: "Nodes that train together, each with `resources.gpus` GPUs. Not part of the cache key.",
        examples: [2],
      },
      gres: {
        type: "string",
        minLength: 1,
        description: "Generic resources, in place of `resources.gpus`.",
        examples: ["gpu:a100:1"],
      },
      setup: {
        type: "array",
        items: { type: "string" },
        default: [],
        description: "Shell lines that run before exp.",
        examples: [["module load cuda"]],
      },
      extra: {
        type: "array",
        items: { type: "string" },
        default: [],
        description: "More options of sbatch, which override the others.",
        examples: [["--exclusive"]],
      },
      time: { ...duration, description: "Time limit of a job. Absent: `resources.time`.", examples: ["8h"] },
      max_jobs: {
        type: "integer",
        minimum: 1,
        description: "Maximum number of jobs of a sweep that run at once.",
        examples: [4],
      },
    },
    description: "Options of Slurm jobs.",
    examples: [{ partition: "gpu" }],
  },
  needsTrust: ["setup", "extra", "account", "gres"],
  variables: /^SLURM_/,
  limits(env) {
    const number = (name: string): number | undefined => (Number(env[name]) > 0 ? Number(env[name]) : undefined);
    const mebibytes = number("SLURM_MEM_PER_NODE");
    return { cores: number("SLURM_CPUS_ON_NODE"), memory: mebibytes === undefined ? undefined : mebibytes * 2 ** 20 };
  },
  jobSystem: async () => (await import("./job-system.ts")).slurmJobs,
};
