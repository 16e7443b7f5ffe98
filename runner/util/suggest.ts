/** The choice nearest to a word, if any is near: typing errors, case, dashes in place of underscores. */
export function nearest(word: string, choices: Iterable<string>): string | undefined {
  const plain = simplify(word);
  let best: string | undefined;
  let distance = Math.max(1, Math.floor(plain.length / 3)) + 1;
  for (const choice of choices) {
    const next = edits(plain, simplify(choice), distance);
    if (next < distance) {
      best = choice;
      distance = next;
    }
  }
  return best;
}

/** `did you mean "rank"?`; the choices if none is near; undefined if there are none. */
export function suggestion(word: string, choices: readonly string[], label = "choose one of"): string | undefined {
  const best = nearest(word, choices);
  if (best !== undefined) return `did you mean "${best}"?`;
  if (choices.length === 0) return undefined;
  const shown = choices.slice(0, 20).join(", ");
  return `${label}: ${shown}${choices.length > 20 ? ", …" : ""}`;
}

function simplify(word: string): string {
  return word.slice(0, 100).toLowerCase().replace(/[-\s]/g, "_");
}

/** Edit distance of two words (insertion, deletion, substitution, transposition), at most `limit`. */
function edits(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return Math.min(limit, last[b.length] ?? limit);
}
