import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { detectMachine, type Machine } from "../execution/devices.ts";
import { hubToken } from "../hub/token.ts";
import type { Device, Precision } from "../plugins/backends/device.ts";
import { capabilityMatrix, unsupportedReason } from "../plugins/backends/matrix.ts";
import type { Method } from "../plugins/backends/methods.ts";
import { backends } from "../plugins/backends/registry.ts";
import { engines } from "../plugins/engines/registry.ts";
import type { Environment } from "../plugins/environment.ts";
import { environments } from "../plugins/environments.ts";
import { type FamilySupport, familyMatrix } from "../plugins/model-families.ts";
import { cacheRoot } from "./cache.ts";
import { environmentStatus } from "./environments.ts";
import { bundledModelState, bundledModels } from "./models.ts";
import { nativePrecision } from "./precision.ts";
import { type Probe, prober, type Where } from "./probe.ts";
import { findPythons, type Python, supportedPythons } from "./python.ts";
import { wheelSources } from "./torch.ts";

/** The result of one check of this machine. */
export type Finding = {
  readonly name: string;
  readonly state: "ok" | "warn" | "missing";
  /** Description of what was found. Contains no secret. */
  readonly found: string;
  /** What to do if the state is not ok. */
  readonly help?: string;
};

/** What this machine has, and what it can run. `exp doctor --json` prints it. */
export type DoctorReport = {
  readonly findings: readonly Finding[];
  readonly runs: readonly Capability[];
  readonly methods: readonly Training[];
  readonly engines: readonly Generation[];
  readonly families: readonly FamilySupport[];
};

/** The precisions in which a backend trains by a method, and the one on this machine; null with the reason if it cannot. */
export type Training = {
  readonly backend: string;
  readonly method: Method;
  readonly cpu: readonly Precision[];
  readonly cuda: readonly Precision[];
  readonly here: Precision | null;
  readonly why: string;
};

/** Whether an engine can generate on this machine, and the reason. */
export type Generation = { readonly engine: string; readonly here: boolean; readonly why: string };

/** A kind of work, whether this machine can do it in its present state, and the reason. */
export type Capability = { readonly what: string; readonly possible: boolean; readonly why: string };

/** How the machine is inspected. Tests pass their own. */
export type Instruments = {
  readonly probe: Probe;
  readonly machine: () => Promise<Machine>;
  /** Free bytes of the file system of a path, which need not exist. */
  readonly freeSpace: (path: string) => number;
  readonly node: string;
};

const GB = 1e9;
/** Bytes for an environment with torch for GPUs, its downloads, a model and its checkpoints. */
const ampleSpace = 20 * GB;

/** Checks everything that a run may need. Changes nothing and uses no network. */
export async function doctor(
  where: Where & { readonly cwd: string },
  instruments: Instruments = realInstruments(where),
): Promise<DoctorReport> {
  const [machine, pythons] = await Promise.all([instruments.machine(), findPythons(where.env, instruments.probe)]);
  const findings = [
    nodeFinding(instruments.node),
    pythonFinding(pythons),
    gpuFinding(machine),
    { name: "cores", state: machine.cores > 1 ? "ok" : "warn", found: `${machine.cores}` } as const,
    memoryFinding(machine),
    diskFinding("disk of the project", where.cwd, instruments),
    diskFinding("disk of the cache", cacheRoot(where.env), instruments),
    ...environments().map((environment) => environmentFinding(environment, where)),
    ...Object.keys(bundledModels).map((name) => modelFinding(name, where)),
    wheelFinding(where, machine),
    tokenFinding(where),
  ];
  return {
    findings,
    runs: capabilities(
      machine,
      environments().every((environment) => environment.isDefault !== true || isReady(environment, where)),
    ),
    methods: trainings(machine, where),
    engines: generations(where),
    families: familyMatrix(),
  };
}

/** Each backend and method by device, and whether the device and the environments of this machine support it. */
function trainings(machine: Machine, where: Where): Training[] {
  const native = nativePrecision(machine.gpus);
  const device: Device = machine.gpus.length > 0 ? "cuda" : "cpu";
  const rows = new Map<string, Training>();
  for (const { backend, method, device: on, precisions } of capabilityMatrix()) {
    const known = rows.get(`${backend} ${method}`) ?? { backend, method, cpu: [], cuda: [], here: null, why: "" };
    rows.set(`${backend} ${method}`, { ...known, [on]: precisions });
  }
  return [...rows.values()].map((row) => {
    const request = { backend: row.backend, method: row.method, precision: native[device] };
    const unsupported = unsupportedReason(request, [device]);
    if (unsupported !== undefined) return { ...row, why: unsupported.help };
    const { environment } = backends.get(row.backend);
    if (isReady(environment, where)) return { ...row, here: native[device] };
    return { ...row, why: `run exp setup ${environment?.name}` };
  });
}

/** Each engine, and whether its environment is set up on this machine. */
function generations(where: Where): Generation[] {
  return [...engines].map(({ name, environment, runsModel }) => {
    if (!isReady(environment, where)) return { engine: name, here: false, why: `run exp setup ${environment?.name}` };
    return { engine: name, here: true, why: runsModel ? "" : "it loads no model on this machine" };
  });
}

/** Whether an implementation can start: its environment is set up, or it needs none. */
function isReady(environment: Environment | undefined, where: Where): boolean {
  return environment === undefined || environmentStatus(environment.name, where).state === "ok";
}

function realInstruments({ env }: Where): Instruments {
  return { probe: prober(env), machine: detectMachine, freeSpace, node: process.versions.node };
}

function freeSpace(path: string): number {
  const existing = existsSync(path) ? path : dirname(path);
  if (!existsSync(existing)) return freeSpace(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return { name: "Node", state: "ok", found: version };
  return { name: "Node", state: "missing", found: version, help: "install Node 20.19 or newer" };
}

function pythonFinding(pythons: readonly Python[]): Finding {
  const found = pythons.map(({ version, path }) => `${version} (${path})`).join(", ") || "none";
  const usable = pythons.find(({ supported, hasVenv }) => supported && hasVenv);
  if (usable) return { name: "Python", state: "ok", found };
  const range = `Python 3.${supportedPythons[0]} to 3.${supportedPythons.at(-1)} with its venv module`;
  return { name: "Python", state: "missing", found, help: `install ${range}, or set EXP_PYTHON to its interpreter` };
}

function gpuFinding({ gpus }: Machine): Finding {
  if (gpus.length === 0) {
    return {
      name: "GPU",
      state: "warn",
      found: "no NVIDIA GPU",
      help: "small models train on the CPU; larger models need a GPU",
    };
  }
  const found = gpus.map(({ name, memory, capability }) => {
    const size = memory === undefined ? "memory unknown" : `${(memory / 2 ** 30).toFixed(0)} GiB`;
    return `${name}, ${size}, compute capability ${capability ?? "unknown"}`;
  });
  return { name: "GPU", state: "ok", found: found.join("; ") };
}

function memoryFinding({ memory }: Machine): Finding {
  const found = `${(memory / GB).toFixed(1)} GB`;
  if (memory >= 6 * GB) return { name: "memory", state: "ok", found };
  return {
    name: "memory",
    state: "warn",
    found,
    help: "training the bundled model takes about 4 GB; close other programs",
  };
}

function diskFinding(name: string, path: string, { freeSpace }: Instruments): Finding {
  const free = freeSpace(path);
  const found = `${(free / GB).toFixed(1)} GB free at ${path}`;
  if (free >= ampleSpace) return { name, state: "ok", found };
  const help =
    "an environment takes 2 GB (CPU) to 8 GB (GPU), a model of 8B parameters 16 GB; EXP_CACHE and HF_HOME set their folders";
  return { name, state: free >= 3 * GB ? "warn" : "missing", found, help };
}

function environmentFinding(environment: Environment, where: Where): Finding {
  const { state, stamp, dir } = environmentStatus(environment.name, where);
  const name = `environment ${environment.name}`;
  const help = `run exp setup ${environment.name}`;
  if (state === "missing") {
    if (environment.isDefault) return { name, state, found: "not set up", help };
    return { name, state: "warn", found: "not set up", help: `${help} if an experiment needs it` };
  }
  const found = `Python ${stamp?.python}, torch for ${stamp?.torch}, ${dir}`;
  return state === "ok" ? { name, state, found } : { name, state: "warn", found: `stale: ${found}`, help };
}

function modelFinding(model: string, where: Where): Finding {
  const name = `model ${model}`;
  const state = bundledModelState(model, where);
  if (state === "ok") return { name, state, found: "unpacked" };
  if (state === "stale") {
    return { name, state: "warn", found: "stale: unpacked by another version of exp", help: "run exp setup" };
  }
  return { name, state: "missing", found: "not unpacked", help: "run exp setup" };
}

function wheelFinding(where: Where, machine: Machine): Finding {
  const name = "torch for the CPU";
  const { tags, hasIndex } = wheelSources(where);
  if (machine.gpus.length > 0) return { name, state: "ok", found: "not needed: this machine has a GPU" };
  if (tags.length > 0) return { name, state: "ok", found: `a wheel for ${tags.join(", ")} in PIP_FIND_LINKS` };
  if (hasIndex) return { name, state: "ok", found: "the index that pip or uv is configured with may have it" };
  return { name, state: "ok", found: "uv downloads it from PyTorch's index" };
}

function tokenFinding({ env }: Where): Finding {
  const name = "Hugging Face token";
  if (env.HF_TOKEN) return { name, state: "ok", found: "present in HF_TOKEN" };
  if (env.HUGGING_FACE_HUB_TOKEN) return { name, state: "ok", found: "present in HUGGING_FACE_HUB_TOKEN" };
  if (hubToken(env) !== undefined) return { name, state: "ok", found: "present in its file" };
  return { name, state: "warn", found: "none", help: "set HF_TOKEN for gated models and uploads" };
}

function capabilities(machine: Machine, isSetUp: boolean): Capability[] {
  const precision = nativePrecision(machine.gpus)[machine.gpus.length > 0 ? "cuda" : "cpu"];
  const gpu = machine.gpus[0];
  const memory = Math.max(0, ...machine.gpus.map((one) => one.memory ?? 0)) / 2 ** 30;
  const cpu = {
    what: "the bundled model on the CPU",
    possible: isSetUp,
    why: isSetUp ? precision : "run exp setup",
  };
  if (gpu === undefined) {
    return [
      cpu,
      { what: "models of 4B parameters and more", possible: false, why: "they need a GPU with 10 GiB or more" },
    ];
  }
  const number = `${precision} by compute capability ${gpu.capability ?? "unknown"}`;
  const training = [...backends].map(({ name }) => {
    const unsupported = unsupportedReason({ backend: name, method: "lora", precision }, ["cuda"]);
    const why = unsupported === undefined ? number : `${unsupported.message}, and this GPU needs ${number}`;
    return { what: `16-bit training with ${name}`, possible: unsupported === undefined, why };
  });
  const trains = training.some(({ possible }) => possible);
  return [
    { ...cpu, what: "the bundled model" },
    ...training,
    {
      what: "LoRA on 4B parameters in 16 bit",
      possible: memory >= 16 && trains,
      why: `10 to 16 GiB; the GPU has ${memory.toFixed(0)}`,
    },
    {
      what: "LoRA on 8B parameters in 16 bit",
      possible: memory >= 24 && trains,
      why: `18 to 25 GiB; the GPU has ${memory.toFixed(0)}`,
    },
  ];
}
