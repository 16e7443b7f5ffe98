/** What a model runs on: the CPU with main memory, or NVIDIA GPUs. */
export const devices = ["cpu", "cuda"] as const;
export type Device = (typeof devices)[number];

/** Number formats of a computation. A model with a 4-bit base computes in one of them too. */
export type Precision = "bf16" | "fp16" | "fp32";

/** Names of the devices in messages. */
export const deviceNames: Readonly<Record<Device, string>> = { cpu: "the CPU", cuda: "a GPU" };

/** The devices that an experiment may run on: the CPU for `resources.gpus: 0`, a GPU for any other number, either if absent. */
export function wantedDevices(resources: { readonly gpus?: number | undefined }): readonly Device[] {
  if (resources.gpus === undefined) return devices;
  return resources.gpus === 0 ? ["cpu"] : ["cuda"];
}
