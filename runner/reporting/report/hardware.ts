import { gigabytes } from "./display-names.ts";

type Hardware = {
  readonly cpu?: string;
  readonly cores?: number;
  readonly memory?: number;
  readonly gpus?: readonly { readonly name?: string; readonly memory?: number }[];
};

/** A machine as manifests have it, in words: "AMD EPYC, 2 cores; 25.3 GB memory; no GPU". */
export function hardwareWords(hardware: unknown): string {
  const { cpu, cores, memory, gpus = [] } = (hardware ?? {}) as Hardware;
  const graphics = gpus.map(({ name, memory }) => `${name}${memory === undefined ? "" : ` (${gigabytes(memory)})`}`);
  return [
    `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}`,
    ...(memory === undefined ? [] : [`${gigabytes(memory)} memory`]),
    graphics.length === 0 ? "no GPU" : graphics.join(", "),
  ].join("; ");
}
