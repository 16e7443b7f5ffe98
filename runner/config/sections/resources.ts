const bytes = { type: "string", pattern: "^[0-9]+(\\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)$" } as const;

const duration = { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?[smhd]$" } as const;

/** What `resources` says. */
export const resources = {
  type: "object",
  additionalProperties: false,
  properties: {
    gpus: {
      type: "integer",
      minimum: 0,
      description: "GPUs of a step that trains or generates. Absent: one if there.",
    },
    gpu_memory: { ...bytes, description: "Memory that a GPU must have, such as 24GB." },
    memory: { ...bytes, description: "Main memory that a step may take, such as 32GB." },
    time: { ...duration, description: "Longest a step may take, such as 4h." },
    price_per_hour: { type: "number", minimum: 0, description: "Price of the machine an hour, for the cost table." },
    executor: {
      type: "string",
      enum: ["local", "slurm"],
      default: "local",
      description: "Where steps run; --executor overrides it. In no key.",
    },
    slurm: {
      type: "object",
      additionalProperties: false,
      properties: {
        partition: { type: "string", minLength: 1, description: "Partition." },
        account: { type: "string", minLength: 1, description: "Account that is charged." },
        qos: { type: "string", minLength: 1, description: "Quality of service." },
        nodes: {
          type: "integer",
          minimum: 1,
          default: 1,
          description: "Nodes that train together; resources.gpus is what each of them has. In no key.",
        },
        gres: { type: "string", minLength: 1, description: "Generic resources, such as gpu:a100:1." },
        setup: { type: "array", items: { type: "string" }, default: [], description: "Shell lines before exp." },
        extra: { type: "array", items: { type: "string" }, default: [], description: "Further flags of sbatch." },
        time: { ...duration, description: "Longest a job may take, such as 8h. Absent: resources.time." },
        max_jobs: { type: "integer", minimum: 1, description: "Jobs of a sweep that run at once, at most." },
      },
      description: "How Slurm is asked.",
    },
  },
  default: {},
  description: "What the steps need and where they run.",
} as const;
