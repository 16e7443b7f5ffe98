/** Energy that the counters of a run's steps reported, in joules. Steps without a counter are counted, not summed. */
export type EnergyCost = {
  /** NVML counters of the GPUs that steps had for themselves. */
  readonly gpu?: number;
  /** RAPL counters of the processor packages. They include other work on the machine. */
  readonly processors?: number;
  /** Measured steps, of the steps that ran a Python program. */
  readonly steps: number;
  readonly of: number;
};

/** Sums the energy in steps' evidence; undefined if no step has any. */
export function energyOf(
  steps: readonly { readonly evidence: Readonly<Record<string, unknown>> }[],
): EnergyCost | undefined {
  const programs = steps.filter(({ evidence }) => typeof evidence.peak_memory === "number");
  const measured = programs.flatMap(({ evidence: { energy } }) =>
    typeof energy === "object" && energy !== null ? [energy as Partial<EnergyCost>] : [],
  );
  if (measured.length === 0) return undefined;
  const sum = (name: "gpu" | "processors"): Partial<EnergyCost> => {
    const known = measured.flatMap((one) => one[name] ?? []);
    return known.length === 0 ? {} : { [name]: Math.round(known.reduce((all, one) => all + one, 0) * 10) / 10 };
  };
  return { ...sum("gpu"), ...sum("processors"), steps: measured.length, of: programs.length };
}
