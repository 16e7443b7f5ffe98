/** Whether a label is as long as a sentence. */
export function isLong(label: string): boolean {
  return label.length > 80 || label.split(/\s+/).length > 10;
}

const reasoning =
  /<\/?think>|\b(?:because|therefore|let me|let's|i (?:think|believe|would)|final answer|as an ai|in conclusion|step \d+:)(?!\w)|\b(?:reasoning|explanation|rationale|justification)\s*:|\bthe (?:report|text|findings?|patient|images?|study) (?:shows?|has|is|are|describes?|indicates?|suggests?|mentions?|states?|says?)\b/i;

/** Whether an answer reasons or explains: what a language model that wrote labels leaves behind. */
export function isReasoning(answer: string): boolean {
  return reasoning.test(answer);
}

/** Gold that is no list of labels: results are shown with such rows and without them. */
export function isDirty(gold: readonly string[]): boolean {
  return gold.some((label) => isLong(label) || isReasoning(label));
}
