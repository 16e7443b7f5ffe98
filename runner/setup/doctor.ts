import { existsSync, readFileSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { detectMachine, type Machine } from "../execution/devices.ts";
import type { Device, Precision } from "../plugins/backends/device.ts";
import { capabilityMatrix, unsupportedReason } from "../plugins/backends/matrix.ts";
import type { Method } from "../plugins/backends/methods.ts";
import { cacheRoot, huggingFaceCache } from "./cache.ts";
import { environmentStatus, environments } from "./environments.ts";
import { bundledModelState, bundledModels } from "./models.ts";
import { nativePrecision } from "./precision.ts";
import { type Probe, prober, type Where } from "./probe.ts";
import { findPythons, type Python, supportedPythons } from "./python.ts";
import { wheelSources } from "./torch.ts";

/** One thing that exp looked for on this machine. */
export type Finding = {
  readonly name: string;
  readonly state: "ok" | "warn" | "missing";
  /** What was found, in words. Never a secret. */
  readonly found: string;
  /** What to do about it. */
  readonly help?: string;
};

/** What this machine has, and what it can run. */
export type DoctorReport = {
  readonly findings: readonly Finding[];
  readonly runs: readonly Capability[];
  readonly methods: readonly Training[];
};

/** What a backend can train in general, and in which precision this machine would; null with the reason where it cannot. */
export type Training = {
  readonly backend: string;
  readonly method: Method;
  readonly cpu: readonly Precision[];
  readonly cuda: readonly Precision[];
  readonly here: Precision | null;
  readonly why: string;
};

/** A kind of work, whether this machine can do it as it is now, and why (not). */
export type Capability = { readonly what: string; readonly possible: boolean; readonly why: string };

/** How the doctor looks at the machine; tests bring another one. */
export type Instruments = {
  readonly probe: Probe;
  readonly machine: () => Promise<Machine>;
  /** Free bytes of the filesystem that holds a path, which need not exist. */
  readonly freeSpace: (path: string) => number;
  readonly node: string;
};

const GB = 1e9;
/** Bytes of an environment with torch for GPUs, its downloads, a model and its checkpoints. */
const roomy = 20 * GB;

/** Looks at everything that a run may need, without changing anything and without the network. */
export async function doctor(
  where: Where & { readonly cwd: string },
  instruments: Instruments = realInstruments(where),
): Promise<DoctorReport> {
  const [machine, pythons] = await Promise.all([instruments.machine(), findPythons(where.env, instruments.probe)]);
  const built = Object.keys(environments).map((backend) => environmentFinding(backend, where));
  const findings = [
    nodeFinding(instruments.node),
    pythonFinding(pythons),
    gpuFinding(machine),
    { name: "cores", state: machine.cores > 1 ? "ok" : "warn", found: `${machine.cores}` } as const,
    memoryFinding(machine),
    diskFinding("disk of the project", where.cwd, instruments),
    diskFinding("disk of the cache", cacheRoot(where.env), instruments),
    ...built,
    ...Object.keys(bundledModels).map((name) => modelFinding(name, where)),
    wheelFinding(where, machine),
    tokenFinding(where),
  ];
  return {
    findings,
    runs: capabilities(
      machine,
      built.every(({ state }, at) => state === "ok" || !Object.values(environments)[at]?.always),
    ),
    methods: trainings(machine, where),
  };
}

/** The report as lines for people: a mark, what, how it is, and beneath it what to do. */
export function formatDoctor({ findings, runs, methods }: DoctorReport): string {
  const marks = { ok: "ok     ", warn: "warn   ", missing: "missing" };
  const wide = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, state, found, help }) => [
    `${marks[state]}  ${name.padEnd(wide)}  ${found}`,
    ...(help === undefined ? [] : [`${" ".repeat(wide + 11)}${help}`]),
  ]);
  const can = runs.map(({ what, possible, why }) => `${possible ? "yes    " : "no     "}  ${what}: ${why}`);
  return `${[...lines, "", "What runs here", ...can, "", "What trains, in which precisions", ...matrix(methods)].join("\n")}\n`;
}

/** The capability matrix, a line for each backend and method. */
function matrix(methods: readonly Training[]): readonly string[] {
  const rows = methods.map(({ backend, method, cpu, cuda, here, why }) => [
    backend,
    method,
    cpu.join(", ") || "-",
    cuda.join(", ") || "-",
    here ?? `no: ${why}`,
  ]);
  const all = [["backend", "method", "CPU", "GPU", "here"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
}

/** Each backend and method by device, and what this machine's device and environments make of it. */
function trainings(machine: Machine, where: Where): Training[] {
  const native = nativePrecision(machine.gpus);
  const device: Device = machine.gpus.length > 0 ? "cuda" : "cpu";
  const rows = new Map<string, Training>();
  for (const { backend, method, device: on, precisions } of capabilityMatrix()) {
    const known = rows.get(`${backend} ${method}`) ?? { backend, method, cpu: [], cuda: [], here: null, why: "" };
    rows.set(`${backend} ${method}`, { ...known, [on]: precisions });
  }
  return [...rows.values()].map((row) => {
    const { state } = backendState(row.backend, where);
    const lack = unsupportedReason({ backend: row.backend, method: row.method, precision: native[device] }, [device]);
    if (lack !== undefined) return { ...row, why: lack.help };
    return state === "ok" ? { ...row, here: native[device] } : { ...row, why: `run exp setup ${row.backend}` };
  });
}

function backendState(backend: string, where: Where): { readonly state: string } {
  return backend in environments ? environmentStatus(backend, where) : { state: "missing" };
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
      help: "small models train on the CPU; others need one",
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
  return { name: "memory", state: "warn", found, help: "the bundled model trains in about 4 GB; close other programs" };
}

function diskFinding(name: string, path: string, { freeSpace }: Instruments): Finding {
  const free = freeSpace(path);
  const found = `${(free / GB).toFixed(1)} GB free at ${path}`;
  if (free >= roomy) return { name, state: "ok", found };
  const help =
    "an environment takes 2 GB (CPU) to 8 GB (GPU), a model of 8B parameters 16 GB; EXP_CACHE and HF_HOME move them";
  return { name, state: free >= 3 * GB ? "warn" : "missing", found, help };
}

function environmentFinding(backend: string, where: Where): Finding {
  const { state, stamp, dir } = environmentStatus(backend, where);
  const name = `environment ${backend}`;
  const help = `run exp setup ${backend}`;
  if (state === "missing") {
    if (environments[backend]?.always) return { name, state, found: "not set up", help };
    return { name, state: "warn", found: "not set up", help: `${help}, for experiments that name it` };
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
  if (machine.gpus.length > 0) return { name, state: "ok", found: "not needed beside a GPU" };
  if (tags.length > 0) return { name, state: "ok", found: `a wheel for ${tags.join(", ")} in PIP_FIND_LINKS` };
  if (hasIndex) return { name, state: "ok", found: "by the index that pip or uv is configured with" };
  return { name, state: "ok", found: "uv fetches it from its makers" };
}

function tokenFinding({ env }: Where): Finding {
  const name = "Hugging Face token";
  if (env.HF_TOKEN) return { name, state: "ok", found: "present in HF_TOKEN" };
  const file = env.HF_TOKEN_PATH || join(env.HF_HOME || dirname(huggingFaceCache(env)), "token");
  if (existsSync(file) && readFileSync(file, "utf8").trim() !== "")
    return { name, state: "ok", found: "present in its file" };
  return { name, state: "warn", found: "none", help: "gated models and uploads need HF_TOKEN; nothing else does" };
}

function capabilities(machine: Machine, isSetUp: boolean): Capability[] {
  const precision = nativePrecision(machine.gpus)[machine.gpus.length > 0 ? "cuda" : "cpu"];
  const gpu = machine.gpus[0];
  const memory = Math.max(0, ...machine.gpus.map((one) => one.memory ?? 0)) / 2 ** 30;
  const cpu = {
    what: "the bundled model on the CPU",
    possible: isSetUp,
    why: isSetUp ? precision : "run exp setup first",
  };
  if (gpu === undefined) {
    return [
      cpu,
      { what: "models of 4B parameters and more", possible: false, why: "they need a GPU of 10 GiB or more" },
    ];
  }
  const number = `${precision} by compute capability ${gpu.capability ?? "unknown"}`;
  const half = precision === "fp16";
  return [
    { ...cpu, what: "the bundled model" },
    {
      what: "16-bit training with torchtune",
      possible: !half,
      why: half ? `torchtune has no fp16, and this is ${number}` : number,
    },
    {
      what: "LoRA on 4B parameters in 16 bit",
      possible: memory >= 16 && !half,
      why: `10 to 16 GiB; the GPU has ${memory.toFixed(0)}`,
    },
    {
      what: "LoRA on 8B parameters in 16 bit",
      possible: memory >= 24 && !half,
      why: `18 to 25 GiB; the GPU has ${memory.toFixed(0)}`,
    },
  ];
}
