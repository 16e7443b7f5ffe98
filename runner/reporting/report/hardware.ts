import { gigabytes, plural } from "../../util/format.ts";

type Hardware = {
  readonly cpu?: string;
  readonly cores?: number;
  readonly memory?: number;
  readonly gpus?: readonly { readonly name?: string; readonly memory?: number }[];
};

/** The hardware of a manifest as text: "AMD EPYC, 2 cores; 25.3 GB memory; no GPU". */
export function hardwareText(hardware: unknown): string {
  const { cpu, cores, memory, gpus = [] } = (hardware ?? {}) as Hardware;
  const gpuTexts = gpus.map(({ name, memory }) => `${name}${memory === undefined ? "" : ` (${gigabytes(memory)})`}`);
  return [
    `${cpu}, ${plural(cores ?? 0, "core")}`,
    ...(memory === undefined ? [] : [`${gigabytes(memory)} memory`]),
    gpuTexts.length === 0 ? "no GPU" : gpuTexts.join(", "),
  ].join("; ");
}
