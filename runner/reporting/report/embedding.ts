import type { Experiment } from "../../plugins/experiment.ts";

/** An arm under its display name, and the cases of which a text was longer than the embedding model's limit. */
type ArmEmbedding = { readonly arm: string; readonly cut: number };

/** Which model embedding_score is by, and what it did not read, as sentences. */
export function embeddingTexts(
  embedding: Experiment["evaluate"]["embedding"],
  arms: readonly ArmEmbedding[],
): readonly string[] {
  if (embedding === undefined) return [];
  const { base, revision } = embedding;
  const cut = arms.filter((one) => one.cut > 0).map((one) => `${one.arm} ${one.cut}`);
  return [
    `The model of embedding_score is ${base}${revision === undefined ? "" : ` at commit ${revision}`}.`,
    ...(cut.length === 0 ? [] : [`Cases with a text beyond its limit, of which it read the start: ${cut.join(", ")}.`]),
  ];
}
