import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";
import type { Expected, Needs } from "../../plugins/step.ts";
import { gpusOf } from "./device.ts";

/** A short Python program. */
export const oneCore: Needs = { cores: 1, gpus: 0, memory: 0 };

/**
 * A step that trains or generates. On the CPU it gets all cores. On GPUs it gets the share of all cores but one that
 * its GPUs are of all GPUs, so that steps on other GPUs can run at the same time.
 */
export function needsOf(experiment: Experiment, site: Site, expects: Expected): Needs {
  const gpus = gpusOf(experiment, site);
  const share = gpus / Math.max(gpus, site.gpus, 1);
  const cores = gpus === 0 ? site.cores : Math.max(1, Math.floor((site.cores - 1) * share));
  const most = expects.declared.gpu_memory ?? expects.gpu_memory?.[1];
  return { cores, gpus, memory: reservedMemory(expects), ...(most === undefined ? {} : { gpuMemory: most }) };
}

/** Bytes of main memory that the scheduler reserves: the middle of the estimate. */
export function reservedMemory({ memory }: Expected): number {
  return memory === undefined ? 0 : (memory[0] + memory[1]) / 2;
}
