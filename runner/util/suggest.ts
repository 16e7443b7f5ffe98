import { editDistance } from "./edit-distance.ts";

/** The choice nearest to a word, if any is near: typing errors, case, dashes in place of underscores. */
export function nearest(word: string, choices: Iterable<string>): string | undefined {
  const plain = simplify(word);
  let best: string | undefined;
  let distance = Math.max(1, Math.floor(plain.length / 3)) + 1;
  for (const choice of choices) {
    const next = editDistance(plain, simplify(choice), distance);
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
