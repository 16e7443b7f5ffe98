/**
 * The notice for every output with scores of replayed predictions: experiments, number of files and origin. Undefined if no
 * predictions were replayed.
 */
export function replayNotice(
  replayed: readonly { readonly experiment: string; readonly made_by: string | null }[],
): string | undefined {
  if (replayed.length === 0) return undefined;
  const experiments = [...new Set(replayed.map(({ experiment }) => experiment))].join(" and ");
  const origins = [...new Set(replayed.flatMap(({ made_by }) => made_by ?? []))].join("; ");
  const files = replayed.length === 1 ? "a file" : `${replayed.length} files`;
  return `Replayed predictions: the predictions of ${experiments} are read from ${files}${origins === "" ? "" : ` (origin: ${origins})`}. No model was run.`;
}
