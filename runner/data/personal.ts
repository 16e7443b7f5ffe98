/** Kinds of possible personal data in a text. Patterns for English texts: no finding is not a proof of anonymity. */
const patterns: Readonly<Record<string, RegExp>> = {
  "e-mail": /(?<![\w.+-])[\w.+-]+@[\w-]+\.[a-z]{2,}\b/i,
  phone: /(?<![\d.,])(?:\+\d{1,3}[ .-]?\(?\d{2,4}\)?|\(\d{2,4}\)|\d{3}(?=[.-]))[ .-]?\d{3,4}[ .-]\d{3,4}(?![\d.,]*\d)/,
  "social security number": /(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])/,
  "record number":
    /\b(?:mrn|medical record|patient (?:id|no|number)|accession|case no|account no|insurance no)\b\W{0,3}(?:no\.?|number|#)?\W{0,3}[a-z]{0,3}\d{4,}/i,
  name: /\b(?:Dr|Mr|Mrs|Ms|Prof)\.? (?:[A-Z]\.? )?\p{Lu}\p{Ll}{2,}|\b(?:Patient|Name|Physician)(?: [Nn]ame)?: *\p{Lu}\p{Ll}+,? +\p{Lu}\p{Ll}+/u,
  "date of birth": /\b(?:d\.?o\.?b\.?|date of birth|born on)(?![a-z])/i,
  date: /(?<![\d.])(?:\d{1,2}[/.]\d{1,2}[/.](?:19|20)\d{2}|(?:19|20)\d{2}[-/]\d{2}[-/]\d{2}|\d{1,2} (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? (?:19|20)\d{2}|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2}, (?:19|20)\d{2})(?![\d.]*\d)/i,
  "web address": /\bhttps?:\/\/\S/i,
};

/** The kinds of personal data that a text seems to hold, in a fixed order. The data themselves are never given. */
export function personalKinds(text: string): string[] {
  return Object.entries(patterns).flatMap(([kind, pattern]) => (pattern.test(text) ? [kind] : []));
}
