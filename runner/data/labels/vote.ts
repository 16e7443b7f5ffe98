import { basicForm } from "./basic.ts";

/** The labels that were read from one answer. */
type Read = { readonly labels: readonly string[]; readonly parsed: boolean; readonly notes: readonly string[] };

/**
 * The labels that a share of at least `minShare` of several answers to one case have, most votes first. Answers from
 * which nothing could be read count in the share. Spellings with the same basic form count together, as the most
 * frequent one writes them. `parsed` is false only if no answer could be read. If a case has exactly one label, it is the
 * label with the most votes, whatever its share; of equals, the first one.
 */
export function voteLabels(answers: readonly Read[], minShare: number, isSingle = false): Read {
  const votes = new Map<string, { count: number; readonly written: Map<string, number> }>();
  for (const { labels } of answers) {
    const inThis = new Set<string>();
    for (const label of labels) {
      const form = basicForm(label);
      const vote = votes.get(form) ?? { count: 0, written: new Map() };
      votes.set(form, vote);
      vote.written.set(label, (vote.written.get(label) ?? 0) + 1);
      if (!inThis.has(form)) vote.count += 1;
      inThis.add(form);
    }
  }
  const enough = minShare * answers.length - 1e-9;
  const ranked = [...votes.values()].sort((a, b) => b.count - a.count);
  const kept = isSingle ? ranked.slice(0, 1) : ranked.filter(({ count }) => count >= enough);
  return {
    labels: kept.map(({ written }) => mostOften(written)),
    parsed: answers.some(({ parsed }) => parsed),
    notes: [...new Set(answers.flatMap(({ notes }) => notes))],
  };
}

function mostOften(written: ReadonlyMap<string, number>): string {
  const [[first]] = [...written].sort((a, b) => b[1] - a[1]) as [[string, number]];
  return first;
}
