// biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 forbids these characters
const invalid = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]|\p{Surrogate}/gu;

/** The text with U+FFFD for characters that a document cannot hold: control characters and lone surrogates. */
export function validText(text: string): string {
  return text.replace(invalid, "\ufffd");
}

/** JSON whose strings are valid texts. Labels and answers of a model can hold any character. */
export function validJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === "string" ? validText(part) : part));
}
