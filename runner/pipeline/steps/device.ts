import { type Device, wantedDevices } from "../../plugins/backends/device.ts";
import type { Experiment } from "../../plugins/experiment.ts";
import type { Site } from "../../plugins/site.ts";

/**
 * The device that an experiment trains and generates on: the one that it declares, else a GPU if this machine has one.
 */
export function deviceOf({ resources }: Experiment, site: Site): Device {
  const wanted = wantedDevices(resources);
  return wanted.length === 1 ? (wanted[0] as Device) : site.gpus > 0 ? "cuda" : "cpu";
}

/** Number of GPUs of a step that trains or generates. */
export function gpusOf(experiment: Experiment, site: Site): number {
  return deviceOf(experiment, site) === "cpu" ? 0 : (experiment.resources.gpus ?? 1);
}
