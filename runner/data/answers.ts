import { basicForm } from "./labels/basic.ts";
import { isNone } from "./labels/none.ts";
import { parseAnswer } from "./labels/parse.ts";
import { writeLabel } from "./labels/split.ts";
import { type ViewOf, viewLabels } from "./labels/views.ts";
import type { LabelCount } from "./labels.ts";
import { studyLabels } from "./study-labels.ts";
import { betweenLabels, noLabels } from "./target.ts";

/** The valid answers, for an engine with constrained decoding (`generate.constrain`). */
export type AllowedAnswers = {
  /** Labels as targets write them, most frequent first. */
  readonly labels: readonly string[];
  readonly between: string;
  /**
   * The answer for no finding: a label such as "normal", or the target of a row without labels; null if neither occurs.
   */
  readonly none: string | null;
  /** Whether an answer has exactly one label. */
  readonly single: boolean;
};

/**
 * The answers that training rows allow. Omits labels that the parser would not read back. Of spellings with one basic form, the most frequent one is kept. A label that names no finding is the
 * whole answer.
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
  const known = new Set(studyLabels(rows, isSingle).map(({ label }) => label));
  const written = (label: string): string => (isSingle ? label : writeLabel(label, separator));
  const isReadBack = (label: string): boolean => {
    const { labels } = parseAnswer(written(label), { separator, isSingle, known });
    return labels.length === 1 && labels[0] === label;
  };
  const forms = new Set<string>();
  const isNew = (label: string): boolean => forms.size < forms.add(basicForm(label)).size;
  const labels = counts.map(({ label }) => label).filter((label) => isReadBack(label) && isNew(label));
  const nothing = labels.find(isNone);
  return {
    labels: labels.filter((label) => !isNone(label)).map(written),
    between: betweenLabels(separator),
    none: nothing ?? (rows.some(({ gold }) => viewLabels(gold, of).length === 0) ? noLabels : null),
    single: isSingle,
  };
}
