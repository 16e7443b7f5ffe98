import type { Experiment } from "../../config/schema.ts";
import type { Expected, Needs } from "../plan/step.ts";
import { gpusOf } from "./device.ts";
import type { Site } from "./site.ts";

/** A small program beside the runner. */
export const oneCore: Needs = { cores: 1, gpus: 0, memory: 0 };

/**
 * A step that trains or generates. On the CPU it has all cores; on GPUs the part of the cores that goes with them, of all but
 * one, so that neither other GPUs nor the steps beside are kept waiting for cores.
 */
export function needsOf(experiment: Experiment, site: Site, expects: Expected): Needs {
  const gpus = gpusOf(experiment, site);
  const share = gpus / Math.max(gpus, site.gpus, 1);
  const cores = gpus === 0 ? site.cores : Math.max(1, Math.floor((site.cores - 1) * share));
  const most = expects.declared.gpu_memory ?? expects.gpu_memory?.[1];
  return { cores, gpus, memory: setAside(expects), ...(most === undefined ? {} : { gpuMemory: most }) };
}

/** Main memory that the scheduler sets aside: the middle of the estimate. */
export function setAside({ memory }: Expected): number {
  return memory === undefined ? 0 : (memory[0] + memory[1]) / 2;
}
