import type { Note } from "./note.ts";

const noun =
  "(?:answers?|diagnos[ei]s|labels?(?:\\(s\\))?|output|predictions?|results?|impressions?|conclusions?|categor(?:y|ies)|class(?:es)?|classifications?|tags?|findings|sentiment|topics?|intents?|diagnostics?|diagn[oó]sticos?|diagnosen?|étiquettes?|réponses?|antwort|respuestas?|etiquetas?|ergebnis)";
const before =
  "(?:(?:so|thus|therefore|hence|the|this|my|your|most|best|likely|probable|possible|predicted|primary|main|overall|correct|appropriate|applicable|relevant|suitable|matching|assigned|suggested|expected|model|all|list|of|following|and|report|radiological|radiology|clinical|fitting|right|extracted|identified),? )*";
const context = "(?:(?:based on|according to|given|from|after (?:reading|reviewing)|in) [^,:\\n]{1,80}, ?)?";
const edge = "[\\s#>*_`✅-]{0,16}";
const about = "(?: (?:for|of|in|from|that (?:apply|applies) to) (?:this|the|these|your|given) (?:\\w+ ){0,3}\\w+)?";
const tail = `(?: ?\\([^()\\n]{0,40}\\))?(?: (?:assigned|identified|found|detected|applied|applicable|predicted|extracted))?${about}${"[*_`]{0,3}"}(?: (?:is|are|would be|should be|includes?)\\b ?:?| ?[:：=→]| [-–—](?= ))[*_\`]{0,3}`;
const heading = new RegExp(`^${edge}${context}${before}${noun}${tail}`, "iu");
const finalHeading = new RegExp(`^${edge}${context}${before}final ${before}${noun}${tail}`, "iu");
const markdownHeading = new RegExp(`^(?:#+ |\\*\\*)${edge}${before}(?:final )?${noun}[*_]*$`, "iu");
const chinese =
  /^[\s#>*_`-]{0,16}(?:最终)?(?:答案|诊断|标签|结果|结论|診断|ラベル|回答|結論)(?:是|为)?[*_`]{0,3}[:：][*_`]{0,3}/;
const lead =
  /^(?:sure|certainly|of course|okay|ok|here|based on|given|according to|the following|i (?:would|will|have|identified|found)|after|looking at|let['’]s|great|absolutely)\b[^:\n]{0,200}:/i;
const explained =
  "(?:explanations?|reason(?:s|ing)?|rationale|justifications?|notes?|comments?|discussion|confidence(?: score| level)?|evidence|analysis|supporting evidence|key findings|summary|details|disclaimer|next steps|recommendations?|解释|说明|理由|分析)";
const explanation = new RegExp(`^[\\s#>*_\`(-]{0,16}${explained}[*_]{0,3}\\s?[:：]`, "iu");
const explanationHeading = new RegExp(
  `^(?:#+\\s|\\*\\*|__)?\\s?[*_]{0,3}${explained}[*_]{0,3}\\s?[:：]?[*_]{0,3}$`,
  "iu",
);

/** Whether a line starts an explanation: "Explanation: ...", "### Explanation". */
export function isExplanation(line: string): boolean {
  const begin = line.slice(0, 100);
  return explanation.test(begin) || (line.length <= 60 && explanationHeading.test(line));
}

/** Where the answer starts: after the last "Final answer:", else after the first "Diagnosis:" or similar. */
export function answerHeading(
  lines: readonly string[],
  isKnown: (line: string) => boolean,
): { readonly line: number; readonly length: number; readonly isFinal: boolean } | undefined {
  let first: { line: number; length: number; isFinal: boolean } | undefined;
  let last: typeof first;
  for (const [line, text] of lines.entries()) {
    const length = headingLength(text);
    if (length === undefined || isKnown(text)) continue;
    const isFinal = /final|最终/i.test(text.slice(0, length));
    if (isFinal) last = { line, length, isFinal };
    first ??= { line, length, isFinal };
  }
  return last ?? first;
}

/** The length of "The final answer is" and similar at the start of a text. */
export function headingLength(text: string): number | undefined {
  const begin = text.slice(0, 200);
  const found = finalHeading.exec(begin) ?? markdownHeading.exec(begin) ?? heading.exec(begin) ?? chinese.exec(begin);
  return found?.[0].length;
}

/** A line without "Sure! Here are the labels:". */
export function withoutLead(line: string, notes: Set<Note>): string {
  const found = lead.exec(line.slice(0, 260));
  if (!found) return line;
  notes.add("heading");
  return line.slice(found[0].length).trim();
}
