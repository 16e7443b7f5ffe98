/** Finds the sentence of an input that is most similar to a label. */
export type SentenceFinder = (input: string, label: string) => string | undefined;

/** Weight of a word of another label of the same group; a word of the label itself has weight 1. */
const groupWeight = 0.3;

/**
 * Finds the sentence with the largest TF-IDF mass of words of a label and, with less weight, of related labels. idf is
 * computed over all sentences of `inputs`. Ties go to the first sentence; undefined if no sentence shares a word. The
 * search compares words, so it misses a sentence that describes a label in other words.
 */
export function sentenceFinder(
  inputs: readonly string[],
  related: (label: string) => readonly string[],
): SentenceFinder {
  const inSentences = new Map<string, number>();
  let sentences = 0;
  for (const input of inputs) {
    for (const sentence of sentencesOf(input)) {
      sentences++;
      for (const word of new Set(wordsOf(sentence))) inSentences.set(word, (inSentences.get(word) ?? 0) + 1);
    }
  }
  const idf = (word: string): number => Math.log((1 + sentences) / (1 + (inSentences.get(word) ?? 0)));
  return (input, label) => {
    const own = new Set(wordsOf(label));
    const group = new Set(related(label).flatMap(wordsOf));
    let best: string | undefined;
    let most = 0;
    for (const sentence of sentencesOf(input)) {
      let mass = 0;
      for (const word of new Set(wordsOf(sentence))) {
        if (own.has(word)) mass += idf(word);
        else if (group.has(word)) mass += groupWeight * idf(word);
      }
      if (mass <= most) continue;
      most = mass;
      best = sentence;
    }
    return best;
  };
}

/** Sentences of a text: cut after a full stop and the like that space follows, and at line breaks. */
export function sentencesOf(text: string): string[] {
  return text
    .split(/(?<=[.!?;。])\s+|[\r\n]+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== "");
}

/** Words of two letters or more in lower case; an ending "s" is dropped, so that a plural meets its singular. */
function wordsOf(text: string): string[] {
  return (text.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu) ?? []).map((word) =>
    word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word,
  );
}
