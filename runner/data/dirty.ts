/** Whether a label is as long as a sentence. */
export function isLong(label: string): boolean {
  return label.length > 80 || label.split(/\s+/).length > 10;
}

const reasoning =
  /<\/?think>|\b(?:because|therefore|let me|let's|i (?:think|believe|would)|final answer|as an ai|in conclusion|step \d+:)(?!\w)|\b(?:reasoning|explanation|rationale|justification)\s*:|\bthe (?:report|text|findings?|patient|images?|study) (?:shows?|has|is|are|describes?|indicates?|suggests?|mentions?|states?|says?)\b/i;

/** Whether a target contains reasoning or an explanation, as targets that a language model wrote may do. */
export function isReasoning(answer: string): boolean {
  return reasoning.test(answer);
}

/** Whether gold is not a list of labels. Results are reported with and without such rows. */
export function isDirty(gold: readonly string[]): boolean {
  return gold.some((label) => isLong(label) || isReasoning(label));
}
