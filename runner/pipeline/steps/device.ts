import type { Experiment } from "../../config/schema.ts";
import { type Device, wantedDevices } from "../../plugins/backends/device.ts";
import type { Site } from "./site.ts";

/** What an experiment trains and generates on: what it asks for, else a GPU where there is one. */
export function deviceOf({ resources }: Experiment, site: Site): Device {
  const wanted = wantedDevices(resources);
  return wanted.length === 1 ? (wanted[0] as Device) : site.gpus > 0 ? "cuda" : "cpu";
}

/** GPUs of a step that trains or generates. */
export function gpusOf(experiment: Experiment, site: Site): number {
  return deviceOf(experiment, site) === "cpu" ? 0 : (experiment.resources.gpus ?? 1);
}
