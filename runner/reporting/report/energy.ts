/** What counters of a run's steps told, in joules. Steps that no counter watched are missing from the sums, and counted. */
export type EnergyCost = {
  /** NVML's counters of the GPUs that steps had for themselves. */
  readonly gpu?: number;
  /** RAPL's counters of the processor packages, whatever else the machine did meanwhile included. */
  readonly processors?: number;
  /** Steps that were measured, of those in which a Python program worked. */
  readonly steps: number;
  readonly of: number;
};

/** Adds up what steps' evidence tells; undefined where nothing does. */
export function energyOf(
  steps: readonly { readonly evidence: Readonly<Record<string, unknown>> }[],
): EnergyCost | undefined {
  const programs = steps.filter(({ evidence }) => typeof evidence.peak_memory === "number");
  const told = programs.flatMap(({ evidence: { energy } }) =>
    typeof energy === "object" && energy !== null ? [energy as Partial<EnergyCost>] : [],
  );
  if (told.length === 0) return undefined;
  const sum = (name: "gpu" | "processors"): Partial<EnergyCost> => {
    const known = told.flatMap((one) => one[name] ?? []);
    return known.length === 0 ? {} : { [name]: Math.round(known.reduce((all, one) => all + one, 0) * 10) / 10 };
  };
  return { ...sum("gpu"), ...sum("processors"), steps: told.length, of: programs.length };
}

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
