import { basicForm } from "./basic.ts";
import type { Note } from "./note.ts";
import type { ParsedAnswer } from "./parse.ts";

/**
 * The labels that enough of several answers to one case hold: a share of at least `minShare` of all answers, those in which
 * nothing could be read counted in. Labels that differ in case and the like count together and stand as they were written
 * most often, most votes first. Unparsed only where no answer could be read.
 */
export function voteLabels(answers: readonly ParsedAnswer[], minShare: number): ParsedAnswer {
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
  const kept = [...votes.values()].filter(({ count }) => count >= enough).sort((a, b) => b.count - a.count);
  return {
    labels: kept.map(({ written }) => mostOften(written)),
    parsed: answers.some(({ parsed }) => parsed),
    notes: [...new Set(answers.flatMap(({ notes }) => notes))] satisfies Note[],
  };
}

function mostOften(written: ReadonlyMap<string, number>): string {
  const [[first]] = [...written].sort((a, b) => b[1] - a[1]) as [[string, number]];
  return first;
}
