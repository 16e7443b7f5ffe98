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
