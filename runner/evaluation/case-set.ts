import { sha256 } from "../util/canonical.ts";

/** Digests of a set of cases by content. They are the same for any file, row order and order of labels. */
export type CaseSet = {
  /** Of ids and input texts; null if the texts are unknown. */
  readonly texts: string | null;
  /** Of ids and gold targets. */
  readonly gold: string;
};

/** Identifies cases by their content. */
export function caseSetOf(
  cases: readonly { readonly id: string; readonly input?: string; readonly gold: unknown }[],
): CaseSet {
  const digest = (of: (one: (typeof cases)[number]) => unknown): string =>
    sha256(
      cases
        .map((one) => JSON.stringify([one.id, of(one)]))
        .sort()
        .join("\n"),
    );
  const target = (gold: unknown): unknown =>
    Array.isArray(gold) ? [...new Set(gold.map((part) => String(part).trim()))].sort() : gold;
  return {
    texts: cases.every(({ input }) => input !== undefined) ? digest(({ input }) => input?.trim()) : null,
    gold: digest(({ gold }) => target(gold)),
  };
}
