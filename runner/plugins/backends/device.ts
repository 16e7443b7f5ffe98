/** What a model runs on: the processor with main memory, or NVIDIA GPUs. */
export const devices = ["cpu", "cuda"] as const;
export type Device = (typeof devices)[number];

/** Number formats of a computation. A 4-bit base is computed with in one of them too. */
export type Precision = "bf16" | "fp16" | "fp32";

/** A device as sentences name it. */
export const deviceNames: Readonly<Record<Device, string>> = { cpu: "the CPU", cuda: "a GPU" };

/** The devices that an experiment may run on: `resources.gpus: 0` means the CPU, any other number a GPU, absent either. */
export function wantedDevices(resources: { readonly gpus?: number | undefined }): readonly Device[] {
  if (resources.gpus === undefined) return devices;
  return resources.gpus === 0 ? ["cpu"] : ["cuda"];
}
