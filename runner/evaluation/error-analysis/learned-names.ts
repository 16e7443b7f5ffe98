import { type Clause, mentionAt, type Token } from "./clauses.ts";

/** The words of a name may have this many other words between them: "cyst of the left kidney". */
export const mostBetween = 4;

/**
 * A learned name is affirmed in this many rows with its label, in this share of all rows that affirm it, and it is all
 * that this many rows negate, date or hedge.
 */
const fewestAffirmed = 3;
const affirmedShare = 0.95;
const fewestDenied = 3;
const longestName = 3;
/** The share of the rows with a label that have a usual pair of words. */
const usualShare = 0.2;

export type ClauseRow = { readonly labels: readonly string[]; readonly clauses: readonly Clause[] };

/**
 * Learns names that the list of labels lacks ("free fluid" for ascites): the only words of clauses that negate, date or
 * hedge, if texts that affirm them have the label. Texts negate names, and rarely signs.
 */
export function learnNames(rows: readonly ClauseRow[]): ReadonlyMap<string, readonly (readonly string[])[]> {
  const denied = new Map<string, number>();
  for (const { clauses } of rows)
    count(
      clauses.flatMap(({ tokens, triggers }) => (triggers.length === 0 ? [] : nameOf(tokens))),
      denied,
    );
  const isDenied = (key: string): boolean => (denied.get(key) ?? 0) >= fewestDenied;
  const found = new Map<string, string[][]>();
  for (const { key, label } of specific(rows, (clause) => runsOf(clause).filter(isDenied), 0))
    found.set(label, [...(found.get(label) ?? []), key.split(" ")]);
  return found;
}

/** Learns which pairs of words many rows with a label have in a clause, and nearly no others. */
export function learnPairs(rows: readonly ClauseRow[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const { key, label } of specific(rows, pairsOf, usualShare))
    found.set(label, (found.get(label) ?? new Set()).add(key));
  return found;
}

/** Keys of clauses whose rows nearly all have one label, with that label; `least` is the share of its rows with the key. */
function specific(rows: readonly ClauseRow[], keysOf: (clause: Clause) => readonly string[], least: number) {
  const counts = new Map<string, { rows: number; labels: Map<string, number> }>();
  const labelRows = new Map<string, number>();
  for (const { labels, clauses } of rows) {
    count(labels, labelRows);
    for (const key of new Set(clauses.flatMap(keysOf))) {
      const entry = counts.get(key) ?? { rows: 0, labels: new Map<string, number>() };
      counts.set(key, entry);
      entry.rows++;
      for (const label of labels) entry.labels.set(label, (entry.labels.get(label) ?? 0) + 1);
    }
  }
  const rowsWith = (label: string): number => labelRows.get(label) as number;
  return [...counts].flatMap(([key, { rows: all, labels }]) => {
    // Labels that come together share the texts: the key belongs to the label of which it has the largest part.
    const [best] = [...labels]
      .filter(
        ([label, hits]) => hits >= fewestAffirmed && hits >= affirmedShare * all && hits >= least * rowsWith(label),
      )
      .sort(([a, x], [b, y]) => (y * y) / rowsWith(b) - (x * x) / rowsWith(a));
    return best === undefined ? [] : [{ key, label: best[0] }];
  });
}

function count(keys: readonly string[], counts: Map<string, number>): void {
  for (const key of new Set(keys)) counts.set(key, (counts.get(key) ?? 0) + 1);
}

function isAffirmed(clause: Clause, first: Token, last: Token): boolean {
  const hasTrigger = clause.triggers.length > 0 || clause.heading !== null;
  return !hasTrigger || mentionAt(clause, [first, last]).status === "affirmed";
}

/** The words of a clause, if they may be a name. */
function nameOf(tokens: readonly Token[]): readonly string[] {
  const isName = tokens.length <= longestName && tokens.every(({ isNumber }) => !isNumber);
  return isName ? [tokens.map(({ form }) => form).join(" ")] : [];
}

/** The runs of words of a clause that the text affirms. */
function runsOf(clause: Clause): readonly string[] {
  const { tokens } = clause;
  const found: string[] = [];
  for (let from = 0; from < tokens.length; from++) {
    let key = "";
    for (let at = from; at < Math.min(tokens.length, from + longestName); at++) {
      const token = tokens[at] as Token;
      if (token.isNumber) break;
      key = at === from ? token.form : `${key} ${token.form}`;
      if (isAffirmed(clause, tokens[from] as Token, token)) found.push(key);
    }
  }
  return found;
}

/** Pairs of words that a clause affirms. */
export function pairsOf(clause: Clause): readonly string[] {
  const { tokens } = clause;
  const found: string[] = [];
  for (const [from, first] of tokens.entries()) {
    for (let at = from + 1; at < Math.min(tokens.length, from + 2 + mostBetween); at++) {
      const second = tokens[at] as Token;
      if (first.isNumber || second.isNumber || !isAffirmed(clause, first, second)) continue;
      found.push(first.form < second.form ? `${first.form} ${second.form}` : `${second.form} ${first.form}`);
    }
  }
  return found;
}
