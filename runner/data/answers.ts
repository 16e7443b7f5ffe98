import { basicForm } from "./labels/basic.ts";
import { isNone } from "./labels/none.ts";
import { parseAnswer } from "./labels/parse.ts";
import { splitLabels } from "./labels/split.ts";
import { type ViewOf, viewLabels } from "./labels/views.ts";
import type { LabelCount } from "./labels.ts";
import { betweenLabels, noLabels } from "./target.ts";

/** What an answer may be, for an engine that holds a model to it: `generate.constrain`. */
export type AllowedAnswers = {
  /** Labels as they are taught, most frequent first. */
  readonly labels: readonly string[];
  readonly between: string;
  /** What stands alone for no finding: a label that says so, or what a row without labels teaches; null where neither is. */
  readonly none: string | null;
  /** An answer is one label, no more. */
  readonly single: boolean;
};

/**
 * The answers that training rows allow. A label that would not be read back as itself (it holds the separator, or is a
 * sentence) is left out: whatever else the model could say in its place is scored as what it says. Of spellings that differ
 * in case and the like the most frequent stands. A label that says "nothing found" stands alone in an answer.
 */
export function allowedAnswers(
  rows: readonly { readonly gold: readonly string[] }[],
  options: {
    readonly of: ViewOf;
    readonly counts: readonly LabelCount[];
    readonly separator: string;
    readonly isSingle: boolean;
  },
): AllowedAnswers {
  const { of, counts, separator, isSingle } = options;
  const known = new Set(rows.flatMap(({ gold }) => gold));
  const isReadBack = (label: string): boolean => {
    const { labels } = parseAnswer(label, { separator, isSingle, known });
    return labels.length === 1 && labels[0] === label && (isSingle || splitLabels(label, separator).length === 1);
  };
  const forms = new Set<string>();
  const isNew = (label: string): boolean => forms.size < forms.add(basicForm(label)).size;
  const labels = counts.map(({ label }) => label).filter((label) => isReadBack(label) && isNew(label));
  const nothing = labels.find(isNone);
  return {
    labels: labels.filter((label) => !isNone(label)),
    between: betweenLabels(separator),
    none: nothing ?? (rows.some(({ gold }) => viewLabels(gold, of).length === 0) ? noLabels : null),
    single: isSingle,
  };
}
