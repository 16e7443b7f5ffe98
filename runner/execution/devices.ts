import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { delimiter, join, posix } from "node:path";
import { executors } from "../plugins/executors/registry.ts";

/** A GPU as the driver lists it. Memory in bytes, compute capability as "9.0"; some drivers report neither. */
export type Gpu = {
  readonly index: number;
  /** Stable across reboots and unique across hosts. CUDA_VISIBLE_DEVICES and GPU locks use it. */
  readonly uuid: string;
  readonly name: string;
  readonly memory: number | undefined;
  readonly capability: string | undefined;
};

/** What this process may use of its machine: cores, memory in bytes, and visible GPUs. */
export type Machine = { readonly cores: number; readonly memory: number; readonly gpus: readonly Gpu[] };

let detected: Promise<Machine> | undefined;

/** Detects the machine once per process. Respects container limits, batch system limits and CUDA_VISIBLE_DEVICES. */
export function detectMachine(): Promise<Machine> {
  detected ??= detect();
  return detected;
}

async function detect(): Promise<Machine> {
  const limits = [cgroupLimits(readText), ...[...executors].map((executor) => executor.limits?.(process.env))];
  const least = (values: readonly (number | undefined)[]): number =>
    Math.min(...values.map((value) => value ?? Number.POSITIVE_INFINITY));
  return {
    cores: Math.max(1, Math.floor(least([availableParallelism(), ...limits.map((limit) => limit?.cores)]))),
    memory: least([totalmem(), ...limits.map((limit) => limit?.memory)]),
    gpus: visibleGpus(parseGpus(await queryGpus()), process.env.CUDA_VISIBLE_DEVICES),
  };
}

/** CPU and memory limits of this process's control group, version 1 or 2. Undefined: unlimited. */
export function cgroupLimits(read: (path: string) => string | undefined): {
  readonly cores: number | undefined;
  readonly memory: number | undefined;
} {
  const cores: number[] = [];
  const memory: number[] = [];
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers = "", path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    for (const folder of ancestors(path)) {
      if (controllers === "") {
        const [quota, period] = (read(join("/sys/fs/cgroup", folder, "cpu.max")) ?? "").trim().split(" ").map(Number);
        if (quota && period) cores.push(quota / period);
        const bytes = Number(read(join("/sys/fs/cgroup", folder, "memory.max")) ?? Number.NaN);
        if (bytes) memory.push(bytes);
      }
      for (const controller of controllers.split(",")) {
        const root = join("/sys/fs/cgroup", controllers, folder);
        if (controller === "cpu") {
          const quota = Number(read(join(root, "cpu.cfs_quota_us")) ?? -1);
          const period = Number(read(join(root, "cpu.cfs_period_us")) ?? 0);
          if (quota > 0 && period > 0) cores.push(quota / period);
        }
        if (controller === "memory") {
          const bytes = Number(read(join(root, "memory.limit_in_bytes")) ?? Number.NaN);
          if (bytes) memory.push(bytes);
        }
      }
    }
  }
  return {
    cores: cores.length === 0 ? undefined : Math.min(...cores),
    memory: memory.length === 0 ? undefined : Math.min(...memory),
  };
}

/** "/a/b" -> "/a/b", "/a", "/". The limits of all of them apply. */
function ancestors(path: string): string[] {
  return path === "/" ? ["/"] : [path, ...ancestors(posix.dirname(path))];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** The output of nvidia-smi, or "" without it or without GPUs. */
function queryGpus(): Promise<string> {
  const tool = (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "nvidia-smi"))
    .find(isExecutable);
  if (tool === undefined) return Promise.resolve("");
  const fields = "index,uuid,name,memory.total,compute_cap";
  return new Promise((resolve) => {
    execFile(tool, [`--query-gpu=${fields}`, "--format=csv,noheader,nounits"], { timeout: 15_000 }, (error, stdout) =>
      resolve(error === null ? stdout : ""),
    );
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Parses `nvidia-smi --query-gpu=index,uuid,name,memory.total,compute_cap --format=csv,noheader,nounits` (memory in
 * MiB).
 */
export function parseGpus(csv: string): Gpu[] {
  return csv.split("\n").flatMap((line) => {
    const [index, uuid, name, memory, capability] = line.split(",").map((cell) => cell.trim());
    if (!index || !/^\d+$/.test(index) || !uuid || name === undefined) return [];
    const mebibytes = Number(memory);
    return {
      index: Number(index),
      uuid,
      name,
      memory: mebibytes > 0 ? mebibytes * 2 ** 20 : undefined,
      capability: capability && /^\d+\.\d+$/.test(capability) ? capability : undefined,
    };
  });
}

/**
 * The GPUs that CUDA shows for a value of CUDA_VISIBLE_DEVICES, in its order. Entries are indices or prefixes of a
 * uuid; the first unknown entry ends the list. A part of a GPU (MIG-...) is a device of unknown memory.
 */
export function visibleGpus(gpus: readonly Gpu[], visible: string | undefined): Gpu[] {
  if (visible === undefined) return [...gpus];
  const shown: Gpu[] = [];
  for (const entry of visible.split(",").map((part) => part.trim())) {
    const gpu = entry.startsWith("MIG-")
      ? { index: shown.length, uuid: entry, name: "MIG device", memory: undefined, capability: gpus[0]?.capability }
      : gpus.find((one) => (/^\d+$/.test(entry) ? one.index === Number(entry) : entry && one.uuid.startsWith(entry)));
    if (gpu === undefined || shown.includes(gpu)) break;
    shown.push(gpu);
  }
  return shown;
}
