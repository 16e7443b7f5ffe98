import type { EnergyCost } from "../../runs/energy.ts";

/** The same in words, with its sources: "0.352 kWh GPU (NVML), 0.104 kWh processors (RAPL)". */
export function energyWords(energy: EnergyCost | undefined): string {
  if (energy === undefined) return "–";
  const { gpu, processors, steps, of } = energy;
  const parts = [
    ...(gpu === undefined ? [] : [`${amount(gpu)} GPU (NVML)`]),
    ...(processors === undefined ? [] : [`${amount(processors)} processors (RAPL)`]),
  ];
  return `${parts.join(", ")}${steps < of ? `, in ${steps} of ${of} steps` : ""}`;
}

/** Joules in the unit that electricity is paid in. */
function amount(joules: number): string {
  const wattHours = joules / 3600;
  return wattHours < 100 ? `${wattHours.toFixed(wattHours < 10 ? 2 : 1)} Wh` : `${(wattHours / 1000).toFixed(3)} kWh`;
}
