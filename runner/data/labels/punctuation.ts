/** Marks that can end a label in an answer, in the scripts that have marks of their own. */
export const endMarks: ReadonlySet<string> = new Set([
  ...".,;:!?",
  ..."\u3002\uff0c\u3001", // Chinese and Japanese
  ..."\u060c\u061b\u061f\u06d4", // Arabic, Persian and Urdu
  ..."\u0964\u0965", // Devanagari, Bengali and others of India
  ..."\u0589\u1362\u104a\u104b\u17d4", // Armenian, Ethiopic, Burmese and Khmer
]);
