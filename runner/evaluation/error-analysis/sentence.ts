/** Finds in an input the sentence that speaks of a label. */
export type SentenceFinder = (input: string, label: string) => string | undefined;

/** How much a word of another label of the same group counts, a word of the label itself being 1. */
const groupWeight = 0.3;

/**
 * The sentence that shares most TF-IDF mass with a label's words and, less, with those of other labels of its groups: idf is
 * taken over all sentences of `inputs`. undefined where no sentence shares a word. Of equals the first is taken. A search for words: a
 * sentence that describes without naming is not found.
 */
export function sentenceFinder(inputs: readonly string[], kin: (label: string) => readonly string[]): SentenceFinder {
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
    const group = new Set(kin(label).flatMap(wordsOf));
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
