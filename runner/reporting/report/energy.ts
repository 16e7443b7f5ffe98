import type { EnergyCost } from "../../runs/energy.ts";
import { missing } from "../../util/format.ts";

/** Energy with its counters: "0.352 kWh GPU (NVML), 10.4 Wh processors (RAPL), in 2 of 3 steps". */
export function energyText(energy: EnergyCost | undefined): string {
  if (energy === undefined) return missing;
  const { gpu, processors, steps, of } = energy;
  const parts = [
    ...(gpu === undefined ? [] : [`${wattHours(gpu)} GPU (NVML)`]),
    ...(processors === undefined ? [] : [`${wattHours(processors)} processors (RAPL)`]),
  ];
  return `${parts.join(", ")}${steps < of ? `, in ${steps} of ${of} steps` : ""}`;
}

function wattHours(joules: number): string {
  const hours = joules / 3600;
  return hours < 100 ? `${hours.toFixed(hours < 10 ? 2 : 1)} Wh` : `${(hours / 1000).toFixed(3)} kWh`;
}
