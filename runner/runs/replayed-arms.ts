/** The steps of a run, by step name. */
type WithSteps = {
  readonly steps: Readonly<
    Record<string, { readonly kind: string; readonly evidence: Readonly<Record<string, unknown>> }>
  >;
};

/** An arm whose answers were read from a file. `file` and `made_by` are null if the record does not name them. */
export type ReplayedArm = { readonly arm: string; readonly file: string | null; readonly made_by: string | null };

/** The arms of a run, and of its compared experiments, whose answers were read from a file. */
export function replayedArms({ steps }: WithSteps): readonly ReplayedArm[] {
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return Object.entries(steps).flatMap(([id, { kind, evidence }]) =>
    kind === "generate" && "replayed" in evidence && !id.includes("@")
      ? [{ arm: id.slice(id.indexOf(".") + 1), file: text(evidence.replayed), made_by: text(evidence.made_by) }]
      : [],
  );
}

/** Whether the run includes a training. An experiment with a training may still read its answers from a file. */
export const trainedHere = ({ steps }: WithSteps): boolean => steps.train !== undefined;

/** Whether a model produced answers in a step: a generation whose answers were not recorded before the run. */
export function isModelGeneration({ kind, evidence }: WithSteps["steps"][string]): boolean {
  return kind === "generate" && !("replayed" in evidence);
}
